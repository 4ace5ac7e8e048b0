"""Waits until the subject of a wait index may have changed: deployments by one shared poll, other subjects one by one.

A wait holds no thread and never raises: the caller takes a new snapshot in any case.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.pace import PollPace
from app.adapters.nomad.http.polling import LongPolls, PollFailed
from app.adapters.nomad.http.shared_poll import CannotShare, SharedPoll
from app.domain.deployment import WaitIndex
from app.domain.watch import JobPlace

# Blocking queries that are reserved for the shared polls.
_SPARE = 2
_FRESH = 1.0  # seconds for which the row that ended a wait counts as a read
_ALONE_FOR = 300.0  # seconds until a refused list is tried again
_GONE_PAUSE = 1.0


class NomadWaits:
    """Implements `Deployer.wait_for_change` of app/ports.py. Belongs to one event loop."""

    def __init__(self, access: NomadAccess) -> None:
        self._polls = LongPolls(access)
        self._shared: dict[tuple[str, str], SharedPoll] = {}
        self._refused: dict[tuple[str, str], float] = {}
        self._recent: dict[tuple[str, str, str], tuple[float, Mapping[str, Any]]] = {}

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """As `Deployer.wait_for_change` of app/ports.py."""
        kind, _, identity = wait_index.subject.partition("/")
        try:
            async with asyncio.timeout(within):
                if kind == "deployment" and await self._by_list(place, identity, wait_index.index):
                    return
                await self._alone(place, wait_index, _path(place, kind, identity))
        except TimeoutError:
            return

    def just_read(self, place: JobPlace, deployment_id: str) -> Mapping[str, Any] | None:
        """The active deployment as it ended a wait just now, returned once; None when it must be read."""
        at, row = self._recent.pop((place.region, place.namespace, deployment_id), (0.0, None))
        return row if time.monotonic() - at <= _FRESH else None

    async def aclose(self) -> None:
        """End every poll; waits that are under way end by their time limit."""
        for shared in self._shared.values():
            await shared.aclose()
        await self._polls.aclose()

    async def _by_list(self, place: JobPlace, deployment_id: str, index: int) -> bool:
        """Wait by the shared poll; False when this token must query the deployment alone."""
        key = (place.region, place.namespace)
        now = time.monotonic()
        if now < self._refused.get(key, 0.0):
            return False
        shared = self._shared.setdefault(key, SharedPoll(self._polls, place))
        try:
            row = await shared.changed(deployment_id, index)
        except CannotShare:
            self._refused[key] = now + _ALONE_FOR
            return False
        if row is not None:
            self._remember((*key, deployment_id), row)
        return True

    def _remember(self, key: tuple[str, str, str], row: Mapping[str, Any]) -> None:
        now = time.monotonic()
        self._recent = {known: read for known, read in self._recent.items() if now - read[0] <= _FRESH}
        self._recent[key] = (now, row)

    async def _alone(self, place: JobPlace, wait_index: WaitIndex, path: tuple[str, ...]) -> None:
        index, known, pace = wait_index.index, wait_index.index, PollPace()
        while path:
            try:
                polled = await self._polls.query(place, *path, index=index, spare=_SPARE)
            except PollFailed:
                await asyncio.sleep(pace.after_error())
                continue
            if not polled.rows:
                # The object was collected, or this server does not know it yet: the caller must not come back at once.
                await asyncio.sleep(_GONE_PAUSE)
                return
            # The index of a list moves with its whole table, so its rows decide. An index that went back means that the
            # servers were restored, and that everything may have changed.
            newest = max((row.get("ModifyIndex") or 0 for row in polled.rows), default=0)
            if newest > wait_index.index or newest < wait_index.index or polled.index < known:
                return
            known, index = polled.index, max(index, polled.index)
            await asyncio.sleep(pace.after_nothing(waited=polled.waited, held=polled.held))
        await asyncio.get_running_loop().create_future()


def _path(place: JobPlace, kind: str, identity: str) -> tuple[str, ...]:
    """The path of the subject of a wait index; empty for an unknown kind of subject, whose wait times out."""
    if kind == "allocations":
        return ("job", place.job_id, "allocations")
    return (kind, identity) if kind in ("deployment", "evaluation") and identity else ()
