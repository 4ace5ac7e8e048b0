"""Steps of this process that fail at every try although there is no outage: their rows would wait unnoticed.

Each try takes the lease of its row, so the row never counts as waiting work. It must not know what a step does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.services.processes.loops import LoopState

IN_A_ROW = 2  # failed tries before the step is reported: one may be chance
KEPT = 60.0  # seconds without a try in this process, after which a step is forgotten
MOST = 1000  # steps that are remembered
_NAMED = 3  # steps that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failing:
    since: float
    tried_at: float
    problem: str
    tries: int = 1


class Steps:
    """Remembers the last failures by step and key; reports them beside the process's loops, and never asks for a
    restart."""

    name = "steps"
    is_stuck = False

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failing: dict[tuple[str, str], _Failing] = {}

    def failed(self, step: str, key: str, problem: str) -> None:
        """A try ended with an unforeseen error."""
        now = self._clock()
        before = self._known().get((step, key))
        if before is None:
            found = _Failing(since=now, tried_at=now, problem=problem)
        else:
            found = replace(before, tried_at=now, problem=problem, tries=before.tries + 1)
        self._failing[step, key] = found
        if len(self._failing) > MOST:
            del self._failing[next(iter(self._failing))]

    def done(self, step: str, key: str) -> None:
        """A try succeeded."""
        self._failing.pop((step, key), None)

    @property
    def state(self) -> LoopState:
        """All steps that fail at each try, as one state; the longest failing one is first and gives the problem."""
        reported = {name: each for name, each in self._known().items() if each.tries >= IN_A_ROW}
        if not reported:
            return LoopState(name=self.name, late=0.0, problem="", is_step=True)
        names = [f"{step} {key}" for step, key in reported]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        first = next(iter(reported.values()))
        return LoopState(
            name=", ".join(names[:_NAMED]) + more,
            late=self._clock() - first.since,
            problem=first.problem,
            is_stalled=True,
            is_step=True,
        )

    def _known(self) -> dict[tuple[str, str], _Failing]:
        """The steps that were tried within KEPT, in the order in which they began to fail."""
        oldest = self._clock() - KEPT
        for name in [name for name, each in self._failing.items() if each.tried_at < oldest]:
            del self._failing[name]
        return self._failing
