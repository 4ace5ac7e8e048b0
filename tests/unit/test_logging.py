"""One line per record, JSON where no person watches, for our own log and the libraries'."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.logging import configure_logging


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is the process's: put back what pytest had."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_writes_json_for_machines() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    structlog.get_logger().info("decision.made", target=7, path=object)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["target"]) == ("decision.made", "info", 7)
    assert str(line["timestamp"]).endswith("Z")


def test_libraries_take_the_same_way() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    logging.getLogger("some.library").warning("lost %s", "it")
    logging.getLogger("httpx").info("GET with a URL")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("lost it", "warning", "some.library")


def test_keeps_the_context_and_the_exception() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    with structlog.contextvars.bound_contextvars(delivery="d1"):
        try:
            raise ValueError("broken")
        except ValueError:
            structlog.get_logger("app").exception("step.failed")
    (line,) = lines(stream)
    assert line["delivery"] == "d1"
    assert "ValueError: broken" in str(line["exception"])


@pytest.mark.parametrize(("said", "count"), [("debug", 3), ("INFO", 2), ("error", 1), ("nonsense", 2), ("", 2)])
def test_the_level_comes_from_the_environment(said: str, count: int) -> None:
    stream = io.StringIO()
    configure_logging({"REGISTRYWATCHER_LOG_LEVEL": said}, stream)
    log = structlog.get_logger("app")
    log.debug("a")
    log.info("b")
    log.error("c")
    assert len(lines(stream)) == count


def test_writes_a_readable_line_on_a_terminal() -> None:
    stream = Terminal()
    configure_logging({}, stream)
    structlog.get_logger("app").info("poller.started")
    assert "poller.started" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
