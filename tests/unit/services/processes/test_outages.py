"""One outage is one line in the log when it begins and one when it ends, however often and by whomever it is found."""

import asyncio
from collections.abc import Collection

import pytest
from structlog.testing import capture_logs

from app.errors import StoreSilent, StoreUnavailable, Transient
from app.services.processes.liveness import FAILURES, SETTLED, Liveness
from app.services.processes.loops import Loops
from app.services.processes.outages import OutageLog
from app.services.processes.stored_outages import StoredOutages
from app.services.views.queries import SystemOutage, unexplained


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Part:
    """A part that answers, or raises `error`, or never answers if that is a TimeoutError."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        if isinstance(self.error, TimeoutError):
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


def liveness(part: Part, log: OutageLog, clock: Clock) -> Liveness:
    return Liveness("Redis", part, log, fix="start it", within=0.01, clock=clock)


def test_three_hundred_reports_of_one_outage_are_one_line() -> None:
    clock = Clock()
    outages = OutageLog(clock=clock)
    with capture_logs() as logs:
        for number in range(300):
            outages.note("registry hub", f"watch {number} cannot be read")
        clock.now += 42.0
        outages.note("registry hub", "")
        outages.note("registry hub", "")
        outages.note("registry hub", "again")
    assert [(each["event"], each["part"]) for each in logs] == [
        ("outage.began", "registry hub"), ("outage.ended", "registry hub"), ("outage.began", "registry hub"),
    ]  # fmt: skip
    assert (logs[0]["problem"], logs[1]["seconds"]) == ("watch 0 cannot be read", 42.0)


def test_an_outage_that_began_before_it_was_found_lasts_longer() -> None:
    clock = Clock()
    outages = OutageLog(clock=clock)
    with capture_logs() as logs:
        outages.note("Postgres", "silent", ago=3.0)
        clock.now += 4.0
        outages.note("Postgres", "")
    assert logs[1]["seconds"] == 7.0


def test_a_part_that_is_reported_no_more_is_back_unless_somebody_else_reports_it() -> None:
    outages = OutageLog()
    with capture_logs() as logs:
        outages.note("Redis", "away")
        outages.note_all({"registry a": "x", "registry b": "y", "Redis": "another sentence"}, but=("Redis",))
        outages.note_all({"registry b": "y"}, but=("Redis",))
    assert list(outages.parts) == ["Redis", "registry b"]
    assert [(each["event"], each["part"]) for each in logs] == [
        ("outage.began", "Redis"), ("outage.began", "registry a"), ("outage.began", "registry b"),
        ("outage.ended", "registry a"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ConnectionRefusedError("refused"), "Redis does not answer: ConnectionRefusedError: refused; start it"),
        (TimeoutError(), "Redis does not answer: no answer within 0.01 s; start it"),
        (Transient("Redis refuses us: a reason; a fix"), "Redis refuses us: a reason; a fix"),
        (KeyError("nobody foresaw it"), "Redis does not answer: KeyError: 'nobody foresaw it'; start it"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_part_that_does_not_answer_twice_is_away_until_it_answers(error: Exception, problem: str) -> None:
    part, clock, outages = Part(), Clock(), OutageLog()
    asking = liveness(part, outages, clock)
    await asking.ask()
    part.error = error
    clock.now += 3.0
    for _ in range(FAILURES - 1):
        assert await asking.ask() == 0.0  # at once
        assert asking.problem == ""
    with capture_logs() as logs:
        await asking.ask()
        await asking.ask()
        assert (asking.problem, asking.silent_for, asking.is_explaining) == (problem, 3.0, True)
        part.error = None
        await asking.ask()
    assert (asking.problem, asking.silent_for) == ("", 0.0)
    assert [each["event"] for each in logs] == ["outage.began", "outage.ended"]
    clock.now += SETTLED - 1
    assert asking.is_explaining
    clock.now += 1
    assert not asking.is_explaining


async def test_one_broken_connection_is_no_outage() -> None:
    part, outages = Part(), OutageLog()
    asking = liveness(part, outages, Clock())
    with capture_logs() as logs:
        for error in (ConnectionResetError(), None) * 5:
            part.error = error
            await asking.ask()
    assert (asking.problem, logs) == ("", [])


async def test_the_end_of_an_outage_is_told_once() -> None:
    part, told = Part(), asyncio.Semaphore(0)

    async def returned() -> None:
        told.release()

    asking = Liveness("Postgres", part, OutageLog(), fix="start it", returned=returned)
    for error in (OSError(), OSError(), OSError(), None, None):
        part.error = error
        await asking.ask()
    await told.acquire()
    assert told.locked()


class Store:
    """The stored outages."""

    def __init__(self) -> None:
        self.found: tuple[SystemOutage, ...] = ()

    async def outages(self) -> tuple[SystemOutage, ...]:
        return self.found


async def test_each_process_logs_the_stored_outages() -> None:
    store, outages, explaining = Store(), OutageLog(), set[str]()
    stored = StoredOutages(lambda: store, Loops(), outages, own=("Postgres", "Redis"), explaining=lambda: explaining)
    late = SystemOutage(name="worker", problem="behind", since=None, explained_by=frozenset({"Redis"}))
    store.found = (SystemOutage(name="registry hub", problem="refused", since=None), late)
    explaining.add("Redis")
    with capture_logs() as logs:
        outages.note("Redis", "away")
        await stored.read()
        assert stored.names == {"registry hub"}
        explaining.clear()
        await stored.read()
        assert stored.names == {"registry hub", "worker"}
        store.found = ()
        await stored.read()
    assert [(each["event"], each["part"]) for each in logs] == [
        ("outage.began", "Redis"), ("outage.began", "registry hub"), ("outage.began", "worker"),
        ("outage.ended", "registry hub"), ("outage.ended", "worker"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("explaining", "left"), [((), "ab"), (("Postgres",), "a"), (("Redis",), "ab"), (("Redis", "Postgres"), "a")]
)
def test_what_another_outage_explains_is_not_reported_beside_it(explaining: Collection[str], left: str) -> None:
    found = (
        SystemOutage(name="a", problem="", since=None),
        SystemOutage(name="b", problem="", since=None, explained_by=frozenset({"Postgres"})),
    )
    assert "".join(each.name for each in unexplained(found, explaining)) == left


def test_a_silent_store_is_a_store_that_cannot_be_used() -> None:
    assert issubclass(StoreSilent, StoreUnavailable)
