"""Wait until what a Pointer names may have changed: deployments by one shared poll, anything else one by one.

Waiting holds no thread; python-nomad has no way to wait without one. It never raises: whoever waited looks again.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from app.adapters.nomad.http.access import Access
from app.adapters.nomad.http.pace import Pace
from app.adapters.nomad.http.polling import LongPolls, PollFailed
from app.adapters.nomad.http.shared_poll import CannotShare, SharedPoll
from app.domain.job import WaitIndex
from app.domain.watch import JobPlace

# Places to wait that are kept for the shared polls.
_SPARE = 2
_FRESH = 1.0  # seconds for which what woke a waiter is as good as a read
_ALONE_FOR = 300.0  # seconds after which a refused list is tried again
_GONE_PAUSE = 1.0


class Waiting:
    """What `Deployer.moved` of app/ports.py stands on. Belongs to one event loop."""

    def __init__(self, access: Access) -> None:
        self._polls = LongPolls(access)
        self._shared: dict[tuple[str, str], SharedPoll] = {}
        self._refused: dict[tuple[str, str], float] = {}
        self._seen: dict[tuple[str, str, str], tuple[float, Mapping[str, Any]]] = {}

    async def moved(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """As `Deployer.moved` of app/ports.py."""
        kind, _, identity = wait_index.subject.partition("/")
        try:
            async with asyncio.timeout(within):
                if kind == "deployment" and await self._by_list(place, identity, wait_index.index):
                    return
                await self._alone(place, wait_index, _path(place, kind, identity))
        except TimeoutError:
            return

    def taken(self, place: JobPlace, deployment_id: str) -> Mapping[str, Any] | None:
        """The active deployment as a waiter was just woken with it, once; None when it must be read."""
        at, row = self._seen.pop((place.region, place.namespace, deployment_id), (0.0, None))
        return row if time.monotonic() - at <= _FRESH else None

    async def aclose(self) -> None:
        """End every poll; who waits still waits out its time."""
        for shared in self._shared.values():
            await shared.aclose()
        await self._polls.aclose()

    async def _by_list(self, place: JobPlace, deployment_id: str, index: int) -> bool:
        """Wait by the shared poll; False when this token must ask for the deployment alone."""
        key = (place.region, place.namespace)
        now = time.monotonic()
        if now < self._refused.get(key, 0.0):
            return False
        shared = self._shared.setdefault(key, SharedPoll(self._polls, place))
        try:
            row = await shared.moved(deployment_id, index)
        except CannotShare:
            self._refused[key] = now + _ALONE_FOR
            return False
        if row is not None:
            self._remember((*key, deployment_id), row)
        return True

    def _remember(self, key: tuple[str, str, str], row: Mapping[str, Any]) -> None:
        now = time.monotonic()
        self._seen = {known: seen for known, seen in self._seen.items() if now - seen[0] <= _FRESH}
        self._seen[key] = (now, row)

    async def _alone(self, place: JobPlace, wait_index: WaitIndex, path: tuple[str, ...]) -> None:
        index, known, pace = wait_index.index, 0, Pace()
        while path:
            try:
                polled = await self._polls.ask(place, *path, index=index, spare=_SPARE)
            except PollFailed:
                await asyncio.sleep(pace.after_error())
                continue
            if not polled.rows:
                # Collected, or not yet known to the server that was asked: never a reason to come back at once.
                await asyncio.sleep(_GONE_PAUSE)
                return
            # A list's own index moves with its whole table: what is in it tells. One that goes backwards is another
            # state of the servers, where everything may have changed.
            newest = max((row.get("ModifyIndex") or 0 for row in polled.rows), default=0)
            if newest > wait_index.index or polled.index < known:
                return
            known, index = polled.index, max(index, polled.index)
            await asyncio.sleep(pace.after_nothing(waited=polled.waited))
        await asyncio.get_running_loop().create_future()


def _path(place: JobPlace, kind: str, identity: str) -> tuple[str, ...]:
    """Where to ask for what a pointer names; empty for one that is not ours, which times out."""
    if kind == "allocations":
        return ("job", place.job_id, "allocations")
    return (kind, identity) if kind in ("deployment", "evaluation") and identity else ()
