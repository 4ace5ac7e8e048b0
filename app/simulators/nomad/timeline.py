"""The clock of the simulated cluster, and its future events.

There is no thread and no task. Each access to the cluster first runs the events that are due, each at its own time. So
a test moves the clock with `skip` and does not sleep.
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
        """Unix seconds. Inside an event: the time at which it was due."""
        return self._clock() + self._offset if self._at is None else self._at

    @property
    def next_due(self) -> float | None:
        return self._due[0][0] if self._due else None

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._order), event))

    def forget(self) -> None:
        """Drop all future events."""
        self._due.clear()

    def skip(self, seconds: float) -> None:
        """Move the clock forward. Events that become due run at the next `settle`."""
        self._offset += seconds

    def settle(self) -> None:
        """Run all events that are due, in order. Events may add others."""
        now = self.now
        try:
            while self._due and self._due[0][0] <= now:
                self._at, _, event = heapq.heappop(self._due)
                event()
        finally:
            self._at = None
