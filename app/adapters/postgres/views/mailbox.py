"""What a listener of the changes has not fetched yet: one change that grows, so that a slow one costs nothing."""

import asyncio
from collections.abc import AsyncIterator

from app.services.views.feed import Change

LARGEST = 300  # names; to read everything again is cheaper than more of them

NOTHING = Change()
EVERYTHING = Change(everything=True)


class Mailbox(AsyncIterator[Change]):
    """Iterates over what was put since the last time, until it is closed. Giving up waiting loses nothing."""

    def __init__(self) -> None:
        self._waiting = NOTHING
        self._closed = False
        self._news = asyncio.Event()

    def put(self, change: Change) -> None:
        """Add a change to what waits."""
        self._waiting = merged(self._waiting, change)
        if self._waiting != NOTHING:
            self._news.set()

    def close(self) -> None:
        """End the iteration, once what waits is fetched."""
        self._closed = True
        self._news.set()

    async def __anext__(self) -> Change:
        """All that was put since the last time, waited for if need be."""
        await self._news.wait()
        change, self._waiting = self._waiting, NOTHING
        if change == NOTHING:
            raise StopAsyncIteration
        if not self._closed:
            self._news.clear()
        return change


def merged(one: Change, other: Change) -> Change:
    """Both changes in one; everything, when there is too much to name."""
    watches, rollouts = one.watches | other.watches, one.rollouts | other.rollouts
    if one.everything or other.everything or len(watches) > LARGEST or len(rollouts) > LARGEST:
        return EVERYTHING
    return Change(
        watches=watches,
        rollouts=rollouts,
        situation=one.situation or other.situation,
        deliveries=one.deliveries or other.deliveries,
    )
