"""How this program writes its log: one structured line per step, to standard output. It must not decide what is logged.

JSON for machines, a readable line on a terminal; what libraries log by `logging` takes the same way.
"""

import logging
from collections.abc import Mapping
from typing import TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

LEVEL_VARIABLE = "REGISTRYWATCHER_LOG_LEVEL"
_LEVELS = logging.getLevelNamesMapping()
_NOISY = ("httpx", "httpcore", "urllib3")  # a line per request, with its URL


def configure_logging(environ: Mapping[str, str], stream: TextIO) -> None:
    """Send structlog's and the standard library's records to `stream`, from the level of REGISTRYWATCHER_LOG_LEVEL up.

    Call it once per process, before the first line. No level, and an unknown one, count as info.
    """
    level = _LEVELS.get(environ.get(LEVEL_VARIABLE, "").upper(), logging.INFO)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _take_in_libraries(shared, stream, level)
    # Our own lines do not go through `logging`: that costs more than everything else of a line together.
    structlog.configure(
        processors=[*shared, *_rendering(stream)],
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


def _take_in_libraries(shared: list[Processor], stream: TextIO, level: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream)],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _rendering(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]


def _json(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
