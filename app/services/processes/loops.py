"""Loops that only their own cancellation ends: one iteration after another, whatever an iteration raises.

A loop knows how late it is, so that a process can say whether it still does its work. It must not know what an
iteration does.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from app.errors import RegistryWatcherError, StoreSilent

log = structlog.get_logger()

GRACE = 6.0  # seconds that a loop may be late before it counts as stalled
STUCK = 90.0  # seconds without even an attempt, after which only a restart helps
BOUND = 60.0  # seconds that one iteration may take

Iteration = Callable[[], Awaitable[float | None]]
"""Does one iteration and returns the pause before the next, in seconds; None if there is no next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """One loop now: `late` is how many seconds ago the next iteration should have been completed, 0.0 if none is due.

    `problem` is the error of the last iteration, "" if it completed. `is_stalled` is True if it is later than its
    grace. `is_step` is True if these are steps instead of a loop: each is retried, and `late` is how long they fail.
    """

    name: str
    late: float
    problem: str
    is_stalled: bool = False
    is_step: bool = False


class Loop:
    """Runs iteration after iteration. A failed one is retried after a pause that grows from `retry` to `retry_at_most`.

    The first failure of an outage is logged, and its end; the iterations between are not. There are many `quiet` loops;
    these log only unforeseen errors. That Postgres does not answer is logged only by a stalled loop, and only if the
    process finds that Postgres answers: otherwise the process reports the outage, once for all loops. One iteration
    takes at most `bound` seconds (None: no limit), then it is cancelled and counts as failed. `grace` is how late the
    loop may be, in seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        retry: float = 0.5,
        retry_at_most: float = 5.0,
        bound: float | None = BOUND,
        grace: float = GRACE,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.problem = ""
        self.iterations = 0
        self._retry = self._pause = retry
        self._retry_at_most = retry_at_most
        self._bound = bound
        self._grace = grace
        self._quiet = quiet
        self._clock = clock
        self._due_at = self._attempt_at = clock()
        self._is_logged = self._is_cut = False
        self._limit: asyncio.Timeout | None = None
        self._resumed = asyncio.Event()
        self.outage: Callable[[], str] = lambda: ""

    @property
    def state(self) -> LoopState:
        """Its state now."""
        late = max(0.0, self._clock() - self._due_at)
        return LoopState(name=self.name, late=late, problem=self.problem, is_stalled=late > self._grace)

    @property
    def is_stuck(self) -> bool:
        """Whether it no longer even tries."""
        return self._clock() - self._attempt_at > max(STUCK, self._grace)

    async def run(self, iterate: Iteration, *, after: float = 0.0) -> None:
        """Await `iterate` repeatedly, first in `after` seconds, until it returns None or this task is cancelled."""
        self._due_at = self._attempt_at = self._clock() + after
        pause: float | None = after
        while pause is not None:
            await self._wait(pause)
            pause = await self._attempt(iterate)

    def resume(self) -> None:
        """The outage of Postgres is over: if it failed, try at once, and count its lateness from now on. An iteration
        that hangs since the outage is cancelled, since its connection may be dead."""
        is_stalled = self.state.is_stalled
        if is_stalled and self._limit is not None and self._bound is not None:
            self._is_cut = True
            self._limit.reschedule(asyncio.get_running_loop().time())
        if is_stalled or self.problem:
            self._due_at = self._clock()
            self._pause = self._retry
            self._resumed.set()

    def completed(self, pause: float | None = 0.0) -> None:
        """Note that an iteration completed; the next is due after `pause` seconds. A long one may call this itself."""
        self.iterations += 1
        if self._is_logged:
            with suppress(Exception):  # a log that cannot be written (a full disk) must not end a loop either
                log.info("loop.recovered", loop=self.name, late=round(self._clock() - self._due_at, 1))
        self.problem, self._pause, self._is_logged = "", self._retry, False
        self._due_at = self._clock() + (math.inf if pause is None else pause)

    async def _attempt(self, iterate: Iteration) -> float | None:
        """One iteration; returns the pause before the next."""
        self._is_cut = False
        self._limit = limit = asyncio.timeout(self._bound)
        pause: float | None = None
        error: BaseException | None = None
        try:
            async with limit:
                pause = await iterate()
        except (Exception, asyncio.CancelledError) as raised:  # nobody would notice a loop that ended
            error = raised
        self._limit = None
        if is_cancelled():
            raise asyncio.CancelledError from error  # whatever the iteration raised because of it
        if isinstance(error, TimeoutError) and limit.expired():
            error = _TimedOut("an outage cut it short" if self._is_cut else f"it did not end within {self._bound:g} s")
        if error is None:
            self.completed(pause)
        else:
            pause = self._failed(error)  # a CancelledError here came from inside the iteration
        self._attempt_at = self._clock() + (math.inf if pause is None else pause)
        return pause

    def _failed(self, error: BaseException) -> float:
        foreseen = isinstance(error, RegistryWatcherError)
        if not self._is_logged and self._is_news(error):
            self._is_logged = True
            with suppress(Exception):
                log.warning(
                    "loop.failed", loop=self.name, problem=described(error), exc_info=None if foreseen else error
                )
        self.problem = described(error)
        pause, self._pause = self._pause, min(self._pause * 2, self._retry_at_most)
        return pause

    def _is_news(self, error: BaseException) -> bool:
        if isinstance(error, StoreSilent | _TimedOut) and (self.outage() or self._is_cut):
            return False
        if isinstance(error, StoreSilent):
            return self.state.is_stalled and not self._quiet
        return not (self._quiet and isinstance(error, RegistryWatcherError))

    async def _wait(self, pause: float) -> None:
        """Wait that long, or until `resume` ends the wait."""
        self._resumed.clear()
        await asyncio.sleep(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._resumed.wait()


class _TimedOut(RegistryWatcherError):
    """An iteration that was cancelled at its bound."""


class Repeating(Protocol):
    """What a process reports: a loop, or its failing steps."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> LoopState: ...

    @property
    def is_stuck(self) -> bool: ...


AnyRepeating = TypeVar("AnyRepeating", bound=Repeating)


class Loops:
    """The loops of one process. `outage` says why Postgres does not answer, "" if it does."""

    def __init__(self, *, outage: Callable[[], str] = lambda: "") -> None:
        self._loops: list[Repeating] = []
        self._resumed: list[Loop] = []
        self._outage = outage

    def add(self, loop: AnyRepeating) -> AnyRepeating:
        """Add this loop to those of the process; returns it."""
        self._loops.append(loop)
        if isinstance(loop, Loop):
            self.resumed(loop)
        return loop

    def resumed(self, loop: Loop) -> Loop:
        """Tell this loop of outages of Postgres and their ends, without counting it; returns it."""
        loop.outage = self._outage
        self._resumed.append(loop)
        return loop

    def resume(self) -> None:
        """Postgres answers again: let the loops that failed try at once."""
        for loop in self._resumed:
            loop.resume()

    @property
    def states(self) -> tuple[LoopState, ...]:
        """The state of each now."""
        return tuple(loop.state for loop in self._loops)

    @property
    def problem(self) -> str:
        """Which of them are stalled and why, in one sentence; "" if none is."""
        return stalled(self.states)

    @property
    def stuck(self) -> str:
        """Which of them no longer even try, in one sentence; "" if all do."""
        stuck = [loop.name for loop in self._loops if loop.is_stuck]
        return f"{_loops(stuck)} no longer tried: restart the process; its log has the cause" if stuck else ""


def stalled(states: tuple[LoopState, ...]) -> str:
    """One sentence about the stalled loops, and one about the failing steps; "" if there are none."""
    late = sorted((state for state in states if state.is_stalled), key=lambda state: -state.late)
    loops, steps = [each for each in late if not each.is_step], [each for each in late if each.is_step]
    return ". ".join(filter(None, (_late(loops), _failing(steps))))


def _late(loops: Sequence[LoopState]) -> str:
    if not loops:
        return ""
    why = next((state.problem for state in loops if state.problem), "")
    cause = f": {why}" if why else "; if that lasts, see the log and restart the process"
    return f"{_loops([state.name for state in loops])} stalled for {loops[0].late:.0f} s{cause}"


def _loops(names: Sequence[str]) -> str:
    return f"{'loop' if len(names) == 1 else 'loops'} {', '.join(names)}"


def _failing(steps: Sequence[LoopState]) -> str:
    if not steps:
        return ""
    names = ", ".join(state.name for state in steps)
    return (
        f"{names} failed at each try for {steps[0].late:.0f} s: {steps[0].problem}; this is a bug of registrywatcher: "
        "see its log"
    )


def described(error: BaseException) -> str:
    """The error's own message if it is made for people; its type and message otherwise."""
    if isinstance(error, RegistryWatcherError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {str(error)[:200]}".rstrip(": ")


def is_cancelled() -> bool:
    """Whether the calling task itself is being cancelled, rather than something that it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
