"""The changes that a listener has not fetched yet, merged into one, so that a slow listener costs nothing."""

import asyncio
from collections.abc import AsyncIterator

from app.services.views.feed import Change

LARGEST = 300  # names; with more, reading everything again is cheaper

NOTHING = Change()
EVERYTHING = Change(everything=True)


class Mailbox(AsyncIterator[Change]):
    """Iterates over the changes since the last item, until it is closed. A cancelled wait loses nothing."""

    def __init__(self) -> None:
        self._waiting = NOTHING
        self._closed = False
        self._arrived = asyncio.Event()

    def put(self, change: Change) -> None:
        """Add a change."""
        self._waiting = merged(self._waiting, change)
        if self._waiting != NOTHING:
            self._arrived.set()

    def close(self) -> None:
        """End the iteration after the waiting change was fetched."""
        self._closed = True
        self._arrived.set()

    async def __anext__(self) -> Change:
        """All changes since the last item; waits for one."""
        await self._arrived.wait()
        change, self._waiting = self._waiting, NOTHING
        if change == NOTHING:
            raise StopAsyncIteration
        if not self._closed:
            self._arrived.clear()
        return change


def merged(one: Change, other: Change) -> Change:
    """Both changes in one; `everything` when there are too many names."""
    watches, rollouts = one.watches | other.watches, one.rollouts | other.rollouts
    if one.everything or other.everything or len(watches) > LARGEST or len(rollouts) > LARGEST:
        return EVERYTHING
    return Change(
        watches=watches,
        rollouts=rollouts,
        situation=one.situation or other.situation,
        deliveries=one.deliveries or other.deliveries,
    )
