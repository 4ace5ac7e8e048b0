"""Loops that nothing ends but their own cancellation: one turn after another, whatever a turn raises.

A loop knows how late it is, so that a process can say whether it still does its work. It must not know what a turn
does.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from app.errors import RegistryWatcherError

log = structlog.get_logger()

GRACE = 6.0  # seconds that a loop may be late before it counts as standing still
STUCK = 90.0  # seconds without even an attempt, after which only a restart helps
BOUND = 60.0  # seconds that one turn may take

Pass = Callable[[], Awaitable[float | None]]
"""Does one turn and returns the pause before the next, in seconds; None when there is no next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """One loop now: `late` is how many seconds ago the next turn should have been completed, 0.0 when none is due.

    `problem` is what the last turn raised, "" when it completed. `stands` tells that it is later than it may be.
    `is_step` tells that these are no loop but steps, each tried again and again: `late` is since when they fail.
    """

    name: str
    late: float
    problem: str
    is_stalled: bool = False
    is_step: bool = False


class Loop:
    """Runs turn after turn. A failed one is tried again after a pause that grows from `retry` to `retry_at_most`.

    The first failure of an outage is logged, and its end; the turns between are not. A `quiet` loop, of which there are
    many, logs only what nobody foresaw. One turn takes at most `bound` seconds (None: as long as it likes), then it is
    cut and counts as failed. `grace` is how late the loop may be.
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
        self.turns = 0
        self._retry = self._pause = retry
        self._retry_at_most = retry_at_most
        self._bound = bound
        self._grace = grace
        self._quiet = quiet
        self._clock = clock
        self._due_at = self._attempt_at = clock()

    @property
    def state(self) -> LoopState:
        """How it is now."""
        late = max(0.0, self._clock() - self._due_at)
        return LoopState(name=self.name, late=late, problem=self.problem, is_stalled=late > self._grace)

    @property
    def is_stuck(self) -> bool:
        """Whether it does not even try any more."""
        return self._clock() - self._attempt_at > max(STUCK, self._grace)

    async def run(self, turn: Pass, *, after: float = 0.0) -> None:
        """Await `turn` again and again, first in `after` seconds, until it says None or this task is cancelled."""
        self._due_at = self._attempt_at = self._clock() + after
        pause: float | None = after
        while pause is not None:
            await asyncio.sleep(pause)
            pause = await self._attempt(turn)

    def completed(self, pause: float | None = 0.0) -> None:
        """Note that a turn was completed and the next is due after `pause` seconds; a long turn may say so itself."""
        self.turns += 1
        if self.problem:
            with suppress(
                Exception
            ):  # a log that cannot be written, since the disk is full, must not end a loop either
                log.info("loop.turns_again", loop=self.name, late=round(self._clock() - self._due_at, 1))
        self.problem, self._pause = "", self._retry
        self._due_at = self._clock() + (math.inf if pause is None else pause)

    async def _attempt(self, turn: Pass) -> float | None:
        """One turn; returns the pause before the next."""
        limit = asyncio.timeout(self._bound)
        pause: float | None = None
        error: BaseException | None = None
        try:
            async with limit:
                pause = await turn()
        except (Exception, asyncio.CancelledError) as raised:  # a loop that ended would be missed by nobody
            error = raised
        if is_cancelled():
            raise asyncio.CancelledError from error  # whatever the turn made of it
        if isinstance(error, TimeoutError) and limit.expired():
            error = _Unended(f"it did not end within {self._bound:g} s")
        if error is None:
            self.completed(pause)
        else:
            pause = self._failed(error)  # a cancellation is that of something inside: this loop is not cancelled
        self._attempt_at = self._clock() + (math.inf if pause is None else pause)
        return pause

    def _failed(self, error: BaseException) -> float:
        preview = isinstance(error, RegistryWatcherError)
        if not self.problem and not (preview and self._quiet):
            with suppress(Exception):
                log.warning(
                    "loop.failed", loop=self.name, problem=described(error), exc_info=None if preview else error
                )
        self.problem = described(error)
        pause, self._pause = self._pause, min(self._pause * 2, self._retry_at_most)
        return pause


class _Unended(RegistryWatcherError):
    """A turn that was cut."""


class Repeating(Protocol):
    """What a process tells of: a loop, or what fails of its steps."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> LoopState: ...

    @property
    def is_stuck(self) -> bool: ...


AnyRepeating = TypeVar("AnyRepeating", bound=Repeating)


class Loops:
    """The loops of one process."""

    def __init__(self) -> None:
        self._loops: list[Repeating] = []

    def add(self, loop: AnyRepeating) -> AnyRepeating:
        """Count this loop among the process's; returns it."""
        self._loops.append(loop)
        return loop

    @property
    def states(self) -> tuple[LoopState, ...]:
        """How each is now."""
        return tuple(loop.state for loop in self._loops)

    @property
    def problem(self) -> str:
        """Which of them stand still and why, in one sentence; "" when all turn."""
        return standing(self.states)

    @property
    def stuck(self) -> str:
        """Which of them do not even try any more, in one sentence; "" when all do."""
        names = ", ".join(loop.name for loop in self._loops if loop.is_stuck)
        return (
            f"not even tried any more: {names}; restart the process, and look for the cause in its log" if names else ""
        )


def standing(states: tuple[LoopState, ...]) -> str:
    """One sentence about the loops that stand still, and one about the steps that fail; "" when there are none."""
    late = sorted((state for state in states if state.is_stalled), key=lambda state: -state.late)
    loops, steps = [each for each in late if not each.is_step], [each for each in late if each.is_step]
    return ". ".join(filter(None, (_late(loops), _failing(steps))))


def _late(loops: Sequence[LoopState]) -> str:
    if not loops:
        return ""
    names = ", ".join(state.name for state in loops)
    why = next((state.problem for state in loops if state.problem), "")
    cause = f": {why}" if why else "; if that lasts, look at the log and restart the process"
    return f"no turn was completed for {loops[0].late:.0f} s by: {names}{cause}"


def _failing(steps: Sequence[LoopState]) -> str:
    if not steps:
        return ""
    names = ", ".join(state.name for state in steps)
    return (
        f"failed at each try for {steps[0].late:.0f} s: {names}: {steps[0].problem}; a mistake of registrywatcher "
        "itself: its log says more"
    )


def described(error: BaseException) -> str:
    """The error's own message where it is made for people; its kind and message otherwise."""
    if isinstance(error, RegistryWatcherError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {str(error)[:200]}".rstrip(": ")


def is_cancelled() -> bool:
    """Whether somebody cancels the task that asks, rather than something that it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
