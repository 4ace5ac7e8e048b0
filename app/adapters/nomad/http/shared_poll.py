"""One blocking query for all active deployments of a namespace, shared by everybody who waits for one of them.

`filter` works on this list since Nomad 1.3 (docs/nomad.md, section 12).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.adapters.nomad.http.pace import PollPace
from app.adapters.nomad.http.polling import LongPolls, PollFailed
from app.adapters.nomad.translate import FINISHED
from app.domain.watch import JobPlace
from app.services.processes.loops import Loop

_ACTIVE = " and ".join(f'Status != "{status}"' for status in FINISHED)
_REFUSED = (400, 403, 404, 405)
_AFTER_FAULT = 1.0  # seconds

Rows = Mapping[str, Mapping[str, Any]]


class CannotShare(Exception):
    """Nomad refuses this token the list, or the filter: each waiter must query its own deployment."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter:
    deployment_id: str
    index: int
    woken: asyncio.Future[Mapping[str, Any] | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def is_ended_by(self, rows: Rows, index: int) -> bool:
        """True if a list as of `index` is news for the waiter: its deployment changed, or is no longer active.

        In a list that is no older than the wait, a deployment that went back was restored with the servers' state.
        """
        if index < self.index:
            return False
        row = rows.get(self.deployment_id)
        modified = self.index + 1 if row is None else row.get("ModifyIndex") or 0
        return bool(modified > self.index or modified < self.index)


class SharedPoll:
    """Polls while somebody waits. It keeps the last list, so no change between a snapshot and a wait is lost."""

    def __init__(self, polls: LongPolls, place: JobPlace) -> None:
        self._polls = polls
        self._place = place
        self._waiters: set[_Waiter] = set()
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._rows: Rows = {}
        self._index = 0
        self._pace = PollPace()
        self._not_before = 0.0

    async def changed(self, deployment_id: str, index: int) -> Mapping[str, Any] | None:
        """Return the deployment once it is newer than `index`; None when it is no longer active. Raises CannotShare."""
        waiter = _Waiter(deployment_id=deployment_id, index=index)
        if self._index and waiter.is_ended_by(self._rows, self._index):
            return self._rows.get(deployment_id)
        self._waiters.add(waiter)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="nomad deployments")
        try:
            return await waiter.woken
        finally:
            self._waiters.discard(waiter)
            if not self._waiters:
                self._end()

    async def aclose(self) -> None:
        """Stop polling; waits that are under way do not end by it."""
        self._end()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()

    async def _run(self) -> None:
        # An unexpected answer must not end the poll while somebody still waits for it.
        await Loop("nomad deployments", retry=_AFTER_FAULT, bound=None).run(self._turn)

    async def _turn(self) -> float:
        clock = asyncio.get_running_loop().time
        # The pause outlives the poll: waiters that come and go quickly must not make us query without a pause.
        await asyncio.sleep(self._not_before - clock())
        self._not_before = clock() + _AFTER_FAULT
        pause = await self._poll()
        self._not_before = clock() + pause
        return 0.0

    async def _poll(self) -> float:
        """Query once, wake the waiters whose deployment changed, and return the pause until the next query."""
        asking = frozenset(self._waiters)
        try:
            polled = await self._polls.query(self._place, "deployments", index=self._index, filter=_ACTIVE)
        except PollFailed as failed:
            if failed.status in _REFUSED:
                self._wake_all(CannotShare())
            return self._pace.after_error()
        rows = {row["ID"]: row for row in polled.rows or () if row.get("Status") not in FINISHED}
        # A smaller index means that the servers were restored: everything may have changed.
        is_restored = polled.index < self._index
        self._rows, self._index = rows, 0 if is_restored else polled.index
        # So does a list that is older than a wait which had begun before the list was asked for.
        overtaken = {each for each in asking if polled.index < each.index}
        ended = [
            each for each in self._waiters if is_restored or each in overtaken or each.is_ended_by(rows, polled.index)
        ]
        for waiter in ended:
            _wake(waiter, rows.get(waiter.deployment_id))
        if ended:
            return self._pace.after_change(rows=len(rows))
        return self._pace.after_nothing(waited=polled.waited, held=polled.held)

    def _wake_all(self, error: Exception) -> None:
        for waiter in self._waiters:
            if not waiter.woken.done():
                waiter.woken.set_exception(error)


def _wake(waiter: _Waiter, row: Mapping[str, Any] | None) -> None:
    if not waiter.woken.done():
        waiter.woken.set_result(row)
