"""Given a loop, when a turn raises, hangs or is cut from inside, then the next comes: only cancelling ends it."""

import asyncio
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from app.errors import StoreSilent, StoreUnavailable
from app.services.processes.loops import STUCK, Loop, Loops, LoopState, described, stalled
from tests.processes import until


@pytest.fixture(autouse=True)
def no_tracebacks() -> Iterator[None]:
    """To print one takes longer than everything else here."""
    with capture_logs():
        yield


class LoopBody:
    """A turn that raises what the test gives, one after the other, and then completes; `done` counts what completed."""

    def __init__(self, *errors: BaseException | None, then: float | None = 0.0) -> None:
        self._errors: Iterator[BaseException | None] = iter(errors)
        self._then = then
        self.tried = 0
        self.done = asyncio.Semaphore(0)

    async def __call__(self) -> float | None:
        self.tried += 1
        if (error := next(self._errors, None)) is not None:
            raise error
        self.done.release()
        return self._then


def quick(**options: Any) -> Loop:
    return Loop("poll", retry=0.001, retry_at_most=0.002, **options)


async def ended(task: asyncio.Task[None]) -> bool:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return task.cancelled()


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("outages"),
        RuntimeError("a bug"),
        KeyError("ID"),
        TimeoutError(),
        asyncio.InvalidStateError(),
        asyncio.CancelledError(),  # of something inside
        ExceptionGroup("several", [ValueError()]),
        MemoryError(),
        RecursionError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_the_next_turn_comes_whatever_one_raises(error: BaseException) -> None:
    passes = LoopBody(error, error)
    running = asyncio.create_task(quick().run(passes))
    async with asyncio.timeout(10):
        await passes.done.acquire()
        await passes.done.acquire()
    assert passes.tried >= 4
    assert await ended(running)


async def test_a_turn_that_hangs_is_cut_and_counts_as_failed() -> None:
    loop = quick(bound=0.01)
    cut = asyncio.Semaphore(0)

    async def body() -> float:
        try:
            await asyncio.Event().wait()
        finally:
            cut.release()
        raise AssertionError

    running = asyncio.create_task(loop.run(body))
    async with asyncio.timeout(10):
        await cut.acquire()
        await cut.acquire()
    assert loop.problem == "it did not end within 0.01 s"
    assert await ended(running)


async def test_cancelling_ends_it_in_a_turn_and_between_two() -> None:
    entered = asyncio.Event()

    async def hanging() -> float:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    running = asyncio.create_task(quick().run(hanging))
    await entered.wait()
    assert await ended(running)
    passes = LoopBody(then=3600.0)
    running = asyncio.create_task(quick().run(passes))
    await passes.done.acquire()
    assert await ended(running)


@pytest.mark.parametrize("error", [StoreUnavailable("outages"), TimeoutError(), RuntimeError("a bug"), None], ids=repr)
async def test_cancelling_ends_it_whatever_the_turn_makes_of_that(error: Exception | None) -> None:
    loop, entered = quick(), asyncio.Event()

    async def deaf() -> float:
        try:
            entered.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if error is not None:
                raise error from None
        return 0.0

    running = asyncio.create_task(loop.run(deaf))
    await entered.wait()
    running.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([running])
    assert running.cancelled()
    assert (loop.iterations, loop.problem) == (0, "")


async def test_a_turn_that_says_none_is_the_last() -> None:
    loop, passes = quick(), LoopBody(StoreUnavailable("outages"), then=None)
    async with asyncio.timeout(10):
        await loop.run(passes)
    assert (loop.iterations, passes.tried, loop.state.late) == (1, 2, 0.0)


async def test_an_outage_is_told_at_its_beginning_and_at_its_end() -> None:
    outages = StoreUnavailable("outages")
    with capture_logs() as logs:
        await quick().run(LoopBody(outages, outages, StoreUnavailable("still away"), then=None))
    assert [(each["event"], each["loop"]) for each in logs] == [("loop.failed", "poll"), ("loop.recovered", "poll")]
    assert logs[0]["problem"] == "outages"
    assert logs[0]["exc_info"] is None


async def test_what_nobody_foresaw_is_told_with_its_traceback_by_a_quiet_loop_too() -> None:
    bug = RuntimeError("a bug")
    with capture_logs() as logs:
        await quick(quiet=True).run(LoopBody(StoreUnavailable("outages"), then=None))
        await quick(quiet=True).run(LoopBody(bug, then=None))
    failed = [each for each in logs if each["event"] == "loop.failed"]
    assert [each["exc_info"] for each in failed] == [bug]
    assert failed[0]["problem"] == "RuntimeError: a bug"


async def test_a_log_that_cannot_be_written_ends_no_loop() -> None:
    def full(_logger: object, _method: str, _event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        raise OSError(28, "No space left on device")

    structlog.configure(processors=[full])
    try:
        async with asyncio.timeout(10):
            await quick().run(LoopBody(StoreUnavailable("outages"), then=None))
    finally:
        structlog.reset_defaults()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_it_is_late_from_when_the_next_turn_was_due() -> None:
    clock = Clock()
    loops = Loops()
    loop = loops.add(Loop("poll", clock=clock, grace=6.0))
    loop.completed(5.0)
    clock.now += 4
    assert loops.states == (LoopState(name="poll", late=0.0, problem=""),)
    clock.now += 6
    assert (loop.state.late, loop.state.is_stalled, loops.problem) == (5.0, False, "")
    clock.now += 2
    assert loop.state.is_stalled
    assert loops.problem.startswith("loop poll stalled for 7 s; ")
    loop.completed(None)
    clock.now += 1000
    assert (loop.state.late, loops.problem) == (0.0, "")


async def test_who_does_not_even_try_is_stuck_and_who_fails_is_not() -> None:
    clock = Clock()
    loops = Loops()
    dead, failing = loops.add(Loop("dead", clock=clock)), loops.add(Loop("failing", clock=clock, retry=0.001))
    clock.now += STUCK + 1
    assert dead.is_stuck
    passes = LoopBody(*[StoreUnavailable("outages")] * 1000)
    running = asyncio.create_task(failing.run(passes))
    await until(lambda: failing.problem, "it fails", within=60)
    clock.now += STUCK - 1
    assert loops.stuck == "loop dead no longer tried: restart the process; its log has the cause"
    assert "failing" in loops.problem
    assert await ended(running)


def test_loops_that_stand_still_are_one_sentence_with_the_longest_first() -> None:
    states = (
        LoopState(name="poll", late=8.2, problem="Postgres is away", is_stalled=True),
        LoopState(name="reload", late=3.0, problem=""),
        LoopState(name="sweep", late=12.4, problem="", is_stalled=True),
    )
    assert stalled(states) == "loops sweep, poll stalled for 12 s: Postgres is away"
    assert stalled(states[1:2]) == ""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StoreUnavailable("outages"), "outages"),
        (StoreUnavailable(""), "StoreUnavailable"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("x" * 300), f"ValueError: {'x' * 200}"),
    ],
)
def test_an_error_is_described(error: Exception, text: str) -> None:
    assert described(error) == text


async def test_postgres_that_does_not_answer_is_no_line_of_each_loop() -> None:
    """Neither before the process finds the outage, nor while it lasts, nor for what hangs since then."""
    problems, now = [""], [0.0]
    loops = Loops(outage=lambda: problems[0])
    loop = loops.add(Loop("poll", retry=60.0, bound=60.0, clock=lambda: now[0]))
    body = LoopBody(StoreSilent("refused"), StoreSilent("refused"))
    with capture_logs() as logs:
        running = asyncio.create_task(loop.run(body))
        await until(lambda: loop.problem, "it fails", within=30)
        now[0], problems[0] = 30.0, "Postgres does not answer"
        assert loop.state.late == 30.0
        loops.resume()
        await until(lambda: body.tried == 2, "it tries at once, without its pause", within=30)
        assert loop.state.late == 0.0, "its lateness counts from the end of the outage"
        problems[0] = ""
        loops.resume()
        async with asyncio.timeout(30):
            await body.done.acquire()
    assert logs == []
    assert await ended(running)


async def test_a_loop_that_fails_although_postgres_answers_says_so_once_it_is_stalled() -> None:
    now = [0.0]
    loop = Loops().add(quick(clock=lambda: now[0]))
    body = LoopBody(*[StoreSilent("too many connections")] * 1000)
    with capture_logs() as logs:
        running = asyncio.create_task(loop.run(body))
        await until(lambda: body.tried > 3, "it fails", within=30)
        assert logs == []
        now[0] = 7.0
        async with asyncio.timeout(30):
            await body.done.acquire()
    assert [each["event"] for each in logs] == ["loop.failed", "loop.recovered"]
    assert await ended(running)


async def test_what_hangs_since_an_outage_is_cut_at_its_end() -> None:
    now, hung = [0.0], asyncio.Event()

    async def body() -> float:
        if not hung.is_set():
            hung.set()
            await asyncio.Event().wait()
        return 60.0

    loops = Loops()
    loop = loops.add(Loop("poll", retry=0.001, bound=600.0, clock=lambda: now[0]))
    with capture_logs() as logs:
        running = asyncio.create_task(loop.run(body))
        await hung.wait()
        now[0] = 30.0
        loops.resume()
        await until(lambda: loop.iterations, "it goes on", within=30)
    assert logs == []
    assert await ended(running)
