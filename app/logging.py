"""How this program writes its log: one structured line per step, to standard output. It must not decide what is logged.

JSON for machines, a readable line on a terminal; what libraries log by `logging` takes the same way. A line that cannot
be written, since the disk is full or nobody reads the pipe any more, is counted and stops nobody's work.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TextIO, cast

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
    processors = [*shared, *_rendering(stream)]
    stream = cast(TextIO, UnfailingStream(stream, _lines_lost(processors)))
    _take_in_libraries(shared, stream, level)
    # Our own lines do not go through `logging`: that costs more than everything else of a line together.
    structlog.configure(
        processors=processors,
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


class UnfailingStream:
    """A stream whose `write` and `flush` never raise; each write is one line.

    A line that could not be written is lost. Once writing works again `tell`, called with their number, is written
    before the next one.
    """

    def __init__(self, stream: TextIO, tell: Callable[[int], str]) -> None:
        self._stream = stream
        self._tell = tell
        self._lock = threading.RLock()  # a destructor may log while its own thread writes
        self._failed = False
        self._lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, line: str) -> int:
        """Write the line, or count it as lost."""
        with self._lock:
            try:
                if self._failed:
                    self._stream.flush()  # the line that a buffer held when writing failed is not lost
                    if self._lost:
                        self._stream.write(self._tell(self._lost))
                    self._failed, self._lost = False, 0
                self._stream.write(line)
            except (OSError, ValueError):  # ValueError: the stream is closed, or cannot encode the line
                self._failed, self._lost = True, self._lost + 1
        return len(line)

    def flush(self) -> None:
        """Flush, if that works."""
        with self._lock:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._failed = True


def _lines_lost(processors: list[Processor]) -> Callable[[int], str]:
    """The line about lost lines, which looks like all others."""

    def tell(count: int) -> str:
        event: Any = {"event": "log.lines_lost", "lost": count}
        for process in processors:
            event = process(None, "warning", event)
        return f"{event}\n"

    return tell


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
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a half of a surrogate pair, or a huge number, in what others sent
        return json.dumps(event, default=str, skipkeys=True)
