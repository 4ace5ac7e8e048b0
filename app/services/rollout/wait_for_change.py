"""Waits for the next change of the rollouts under way: it holds no thread, and one query to Nomad serves many.

Each process has its own waits. It postpones the rollouts that it waits for in Postgres, a few seconds at a time. If
the process dies they become due, and the sweeper of any other process wakes a worker. It must not judge a rollout.
"""

import asyncio
from uuid import UUID

import structlog

from app.domain.deployment import WaitIndex
from app.domain.watch import JobPlace
from app.errors import StoreUnavailable
from app.ports import Deployer, Waker
from app.services.processes.loops import Loop, described, is_cancelled
from app.services.rollout.rollouts import Rollouts
from app.services.wakeup.wake import FOLLOW

log = structlog.get_logger()

EXTENSION = 6.0  # seconds by which a wait is extended; the rollouts of a killed process are checked after this


class ChangeWaiter:
    """Waits for any number of rollouts, one task each. It wakes a check when one changes, or when its time is up."""

    def __init__(
        self, rollouts: Rollouts, deployer: Deployer, waker: Waker, *, blind_for: float = EXTENSION / 3
    ) -> None:
        self._rollouts = rollouts
        self._deployer = deployer
        self._waker = waker
        self._blind_for = blind_for
        self._waiting: dict[UUID, asyncio.Task[None]] = {}

    def begin(self, rollout_id: UUID, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """Wake a check of the rollout when its index passes `wait_index`, or after `within` seconds at the latest."""
        self._leave(rollout_id)
        self._waiting[rollout_id] = asyncio.create_task(self._wait(rollout_id, place, wait_index, within))

    async def run(self, pause: float = EXTENSION / 3, *, loop: Loop | None = None) -> None:
        """Extend all waits, for ever. A rollout that ended, or that another process took over, has no wait any more."""

        async def extend() -> float:
            await self._extend()
            return pause

        await (loop or Loop("rollout_waits", retry_at_most=pause)).run(extend, after=pause)

    async def aclose(self) -> None:
        """Stop all waits."""
        tasks = list(self._waiting.values())
        for rollout_id in list(self._waiting):
            self._leave(rollout_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, rollout_id: UUID, place: JobPlace, wait_index: WaitIndex, within: float) -> None:
        try:
            await self._changed(rollout_id, place, wait_index, within)
        finally:
            if self._waiting.get(rollout_id) is asyncio.current_task():
                del self._waiting[rollout_id]
        try:
            await self._rollouts.wake(rollout_id)
            self._waker.wake(FOLLOW, str(rollout_id))
        except StoreUnavailable:
            return  # nothing extends its wait now, so it becomes due by itself
        except Exception as error:
            log.warning("rollout.wake_failed", rollout=str(rollout_id), problem=described(error), exc_info=error)

    async def _changed(self, rollout_id: UUID, place: JobPlace, wait_index: WaitIndex, within: float) -> None:
        """Wait for a change. An unexpected error counts as one, after a pause: the check finds the cause."""
        try:
            await self._deployer.wait_for_change(place, wait_index, within=within)
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            log.warning("rollout.wait_failed", rollout=str(rollout_id), problem=described(error), exc_info=error)
            await asyncio.sleep(min(within, self._blind_for))

    async def _extend(self) -> None:
        waited_for = list(self._waiting)
        if not waited_for:
            return
        extended = set(await self._rollouts.extend(waited_for, seconds=EXTENSION))
        for rollout_id in waited_for:
            if rollout_id not in extended:
                self._leave(rollout_id)

    def _leave(self, rollout_id: UUID) -> None:
        task = self._waiting.pop(rollout_id, None)
        if task is not None:
            task.cancel()
