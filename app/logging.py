"""The format of this program's log: one structured line per step. It must not decide which steps are logged.

Lines are JSON, or readable text on a terminal, or as REGISTRYWATCHER_LOG_FORMAT says; records of the standard `logging`
get the same format. A line that cannot be written, because the disk is full or no process reads the pipe any more, is
counted, and stops no work.
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
FORMAT_VARIABLE = "REGISTRYWATCHER_LOG_FORMAT"
TEXT, JSON = "text", "json"
_LEVELS = logging.getLevelNamesMapping()
_NOISY = ("httpx", "httpcore", "urllib3")  # a line per request, with its URL


def configure_logging(environ: Mapping[str, str], stream: TextIO) -> None:
    """Send structlog's and the standard library's records to `stream`, from the level of REGISTRYWATCHER_LOG_LEVEL up.

    REGISTRYWATCHER_LOG_FORMAT is text or json; without it, or with another, a terminal gets text. Call it once per
    process, before the first line. Without a level, or with an unknown one, the level is info.
    """
    level = _LEVELS.get(environ.get(LEVEL_VARIABLE, "").upper(), logging.INFO)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering(environ, stream)
    processors = [*shared, *rendering]
    stream = cast(TextIO, UnfailingStream(stream, _lost_line(processors)))
    _format_libraries(shared, rendering, stream, level)
    # Our own lines bypass `logging`, which costs more than all other parts of a line together.
    structlog.configure(
        processors=processors,
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


class UnfailingStream:
    """A stream whose `write` and `flush` never raise; each write is one line.

    A line that could not be written is lost. When writing works again, it first writes `lost_line` for their number.
    """

    def __init__(self, stream: TextIO, lost_line: Callable[[int], str]) -> None:
        self._stream = stream
        self._lost_line = lost_line
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
                    self._stream.flush()  # a line in the buffer when writing failed is not lost
                    if self._lost:
                        self._stream.write(self._lost_line(self._lost))
                    self._failed, self._lost = False, 0
                self._stream.write(line)
            except (OSError, ValueError):  # ValueError: the stream is closed, or cannot encode the line
                self._failed, self._lost = True, self._lost + 1
        return len(line)

    def flush(self) -> None:
        """Flush, and ignore a failure."""
        with self._lock:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._failed = True


def _lost_line(processors: list[Processor]) -> Callable[[int], str]:
    """The line that reports lost lines, in the format of all others."""

    def line(count: int) -> str:
        event: Any = {"event": "log.lines_lost", "lost": count}
        for process in processors:
            event = process(None, "warning", event)
        return f"{event}\n"

    return line


def _format_libraries(shared: list[Processor], rendering: list[Processor], stream: TextIO, level: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _rendering(environ: Mapping[str, str], stream: TextIO) -> list[Processor]:
    is_terminal = stream.isatty()
    if environ.get(FORMAT_VARIABLE, TEXT if is_terminal else JSON).lower() == TEXT:
        return [structlog.dev.ConsoleRenderer(colors=is_terminal and not environ.get("NO_COLOR"))]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]


def _json(event: EventDict, **_: object) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # half of a surrogate pair, or a huge number, in foreign text
        return json.dumps(event, default=str, skipkeys=True)
