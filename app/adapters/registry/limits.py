"""Who may ask a registry now: keeps one registry's troubles its own. It must not know what is asked.

At most `width` requests are under way, and only a few until a registry has answered once. While it is silent, one
request at a time finds out whether it is back and the others fail at once, so its watches hold no worker that others
need. When it said "later", nobody asks before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_SILENT_AFTER = 3
_UNTRIED_WIDTH = 4
_LONGEST_HOLD = 60.0


class Closed(Exception):
    """Not now; `retry_after` is in seconds, None when only the registry knows."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Gate:
    """The entrance to one registry. `clock` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float], width: int = 16) -> None:
        self._clock = clock
        self._places = asyncio.Semaphore(width)
        self._unanswered = 0
        self._has_answered = False
        self._under_way = 0
        self._probing = False
        self._closed_until = 0.0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Wait for a place and hold it. Raises Closed when asking now is of no use."""
        wait = self._closed_until - self._clock()
        if wait > 0:
            raise Closed("it asked to be left alone for a while", retry_after=wait)
        probes = self._unanswered >= _SILENT_AFTER
        if probes and self._probing:
            raise Closed("it has not been answering; one request at a time finds out whether it is back")
        if not self._has_answered and self._under_way >= _UNTRIED_WIDTH:
            raise Closed("it has not answered yet; a few requests find out whether it does")
        self._probing = self._probing or probes
        self._under_way += 1
        try:
            async with self._places:
                yield
        finally:
            self._under_way -= 1
            if probes:
                self._probing = False

    def answered(self) -> None:
        """The registry gave an answer, whatever it was."""
        self._unanswered = 0
        self._has_answered = True

    def unanswered(self) -> None:
        """A request ended without an answer."""
        self._unanswered += 1

    def pause(self, seconds: float) -> None:
        """The registry asked for `seconds` of peace; a minute of it is kept here, the rest is the caller's to keep."""
        self._closed_until = max(self._closed_until, self._clock() + min(seconds, _LONGEST_HOLD))
