"""One line per record, JSON where no person watches, for our own log and the libraries'."""

import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from app.logging import configure_logging


class Full(io.StringIO):
    """A stream on a disk that is full while `fault` is set."""

    fault: Exception | None = None

    def write(self, text: str) -> int:
        self.flush()
        return super().write(text)

    def flush(self) -> None:
        if self.fault is not None:
            raise self.fault


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


@pytest.mark.parametrize(("said", "is_json"), [("json", True), ("JSON", True), ("text", False), ("xml", True)])
def test_the_format_may_be_said(said: str, is_json: bool) -> None:
    stream = io.StringIO()
    configure_logging({"REGISTRYWATCHER_LOG_FORMAT": said}, stream)
    structlog.get_logger().info("poller.started", interval=2.0)
    assert stream.getvalue().startswith("{") == is_json
    assert "poller.started" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_has_colours_unless_no_color_is_set() -> None:
    for environ, coloured in ({}, True), ({"NO_COLOR": "1"}, False):
        stream = Terminal()
        configure_logging(environ, stream)
        structlog.get_logger().info("poller.started")
        assert ("\x1b[" in stream.getvalue()) == coloured


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), BrokenPipeError(), ValueError("closed")])
def test_an_unwritable_log_stops_nothing_and_reports_lost_lines_later(fault: Exception) -> None:
    stream = Full()
    configure_logging({}, stream)
    structlog.get_logger("app").info("before")
    stream.fault = fault
    structlog.get_logger("app").info("lost")
    logging.getLogger("some.library").warning("lost as well")
    stream.fault = None
    structlog.get_logger("app").info("after")
    structlog.get_logger("app").info("at last")
    written = lines(stream)
    assert [line["event"] for line in written] == ["before", "log.lines_lost", "after", "at last"]
    assert (written[1]["lost"], written[1]["level"]) == (2, "warning")


def test_a_line_that_a_buffer_still_holds_is_not_lost() -> None:
    """The stream of a process: a pipe whose reader does not read for a while."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = os.write(writer, b"x" * 10_000_000)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        configure_logging({}, stream)
        for number in range(3):
            structlog.get_logger("app").info(f"line {number}")
        with os.fdopen(reader, encoding="utf-8") as read:
            read.read(filled)
            structlog.get_logger("app").info("line 3")
            logging.shutdown()
            stream.close()
            written = [json.loads(line) for line in read.read().splitlines()]
    assert [line["event"] for line in written] == ["line 0", "log.lines_lost", "line 3"]
    assert written[1]["lost"] == 2


@pytest.mark.parametrize("value", ["\ud800", 2**70])
def test_whatever_a_line_holds_it_is_written(value: object) -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    structlog.get_logger("app").info("asked", said=value)
    assert lines(stream)[0]["said"] == value
