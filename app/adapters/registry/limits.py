"""Limit the requests to one registry, so that its outage affects no other. Must not know what a request asks.

At most `width` requests run at once, and only a few until the registry has answered for the first time. While the
registry is silent, one request at a time probes it and the others fail at once: its watches then occupy no worker that
others need. No request starts before the end of a Retry-After.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_SILENT_AFTER = 3
_UNTRIED_WIDTH = 4
_LONGEST_PAUSE = 60.0


class Closed(Exception):
    """No request may start now. `retry_after` is in seconds, None when the time is unknown."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Gate:
    """The limit of requests to one registry. `clock` is monotonic, in seconds."""

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
        """Wait for a place and keep it for the block. Raises Closed when a request would be of no use now."""
        wait = self._closed_until - self._clock()
        if wait > 0:
            raise Closed("it asked for a pause", retry_after=wait)
        probes = self._unanswered >= _SILENT_AFTER
        if probes and self._probing:
            raise Closed("it has not been answering, and one request at a time probes it")
        if not self._has_answered and self._under_way >= _UNTRIED_WIDTH:
            raise Closed("it has not answered yet, and a few requests probe it")
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
        """Record that the registry answered, with any status."""
        self._unanswered = 0
        self._has_answered = True

    def unanswered(self) -> None:
        """Record that a request ended without an answer."""
        self._unanswered += 1

    def pause(self, seconds: float) -> None:
        """Start no request for `seconds`, at most a minute; the caller honours the rest of a longer Retry-After."""
        self._closed_until = max(self._closed_until, self._clock() + min(seconds, _LONGEST_PAUSE))
