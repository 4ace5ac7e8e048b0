"""Answers: what happens next in the simulated cluster, and what time is it there?

There is no thread and no task: whoever looks at the cluster first lets everything happen that is due by now, each
event at its own time. So a test moves the clock with `skip` instead of sleeping.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Timeline:
    """A clock and the events due on it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._offset = 0.0
        self._at: float | None = None
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    @property
    def now(self) -> float:
        """Unix seconds; inside an event the time it was due at."""
        return self._clock() + self._offset if self._at is None else self._at

    @property
    def next_due(self) -> float | None:
        return self._due[0][0] if self._due else None

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._order), event))

    def skip(self, seconds: float) -> None:
        """Move the clock forward; what becomes due happens at the next look."""
        self._offset += seconds

    def settle(self) -> None:
        """Let everything happen that is due, in order; events may add others."""
        now = self.now
        try:
            while self._due and self._due[0][0] <= now:
                self._at, _, event = heapq.heappop(self._due)
                event()
        finally:
            self._at = None
