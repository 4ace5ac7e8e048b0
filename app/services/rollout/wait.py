"""Wait for the next change of the rollouts that are under way: no thread is held, and Nomad is asked once for many.

A vigil is one process's. The rollouts that it waits for stay put off in Postgres a few seconds at a time: when the
process dies they fall due, and the sweeper of any other wakes a worker. It must not judge what it waits for.
"""

import asyncio
from uuid import UUID

import structlog

from app.domain.job import WaitIndex
from app.domain.watch import JobPlace
from app.errors import StoreUnavailable
from app.ports import Deployer, Waker
from app.services.processes.loops import Loop, described, is_cancelled
from app.services.rollout.rollouts import Rollouts
from app.services.wakeup.wake import FOLLOW

log = structlog.get_logger()

KEPT = 6.0  # seconds that a rollout stays put off; a killed process's rollouts are looked at after this


class ChangeWaiter:
    """Waits for any number of rollouts, one task each, and rings for a look when one has moved, or its time is up."""

    def __init__(self, rollouts: Rollouts, deployer: Deployer, waker: Waker, *, blind_for: float = KEPT / 3) -> None:
        self._rollouts = rollouts
        self._deployer = deployer
        self._doorbell = waker
        self._blind_for = blind_for
        self._waiting: dict[UUID, asyncio.Task[None]] = {}

    def begin(self, rollout_id: UUID, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """Ring for the rollout when `wait_index` moves, at the latest after `within` seconds."""
        self._leave(rollout_id)
        self._waiting[rollout_id] = asyncio.create_task(self._wait(rollout_id, place, wait_index, within))

    async def run(self, pause: float = KEPT / 3, *, loop: Loop | None = None) -> None:
        """Keep what is waited for put off, for ever; what ended, or was taken over, is waited for no more."""

        async def turn() -> float:
            await self._keep()
            return pause

        await (loop or Loop("vigil", retry_at_most=pause)).run(turn, after=pause)

    async def aclose(self) -> None:
        """Wait for nothing any more."""
        tasks = list(self._waiting.values())
        for rollout_id in list(self._waiting):
            self._leave(rollout_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, rollout_id: UUID, place: JobPlace, wait_index: WaitIndex, within: float) -> None:
        try:
            await self._moved(rollout_id, place, wait_index, within)
        finally:
            if self._waiting.get(rollout_id) is asyncio.current_task():
                del self._waiting[rollout_id]
        try:
            await self._rollouts.wake(rollout_id)
            self._doorbell.wake(FOLLOW, str(rollout_id))
        except StoreUnavailable:
            return  # it is kept no more, so it falls due by itself
        except Exception as error:
            log.warning("vigil.not_woken", rollout=str(rollout_id), problem=described(error), exc_info=error)

    async def _moved(self, rollout_id: UUID, place: JobPlace, wait_index: WaitIndex, within: float) -> None:
        """Wait for a move; what nobody foresaw is taken for one, after a pause: the look finds out what it is."""
        try:
            await self._deployer.wait_for_change(place, wait_index, within=within)
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            log.warning("vigil.blind", rollout=str(rollout_id), problem=described(error), exc_info=error)
            await asyncio.sleep(min(within, self._blind_for))

    async def _keep(self) -> None:
        waited_for = list(self._waiting)
        if not waited_for:
            return
        kept = set(await self._rollouts.keep(waited_for, seconds=KEPT))
        for rollout_id in waited_for:
            if rollout_id not in kept:
                self._leave(rollout_id)

    def _leave(self, rollout_id: UUID) -> None:
        task = self._waiting.pop(rollout_id, None)
        if task is not None:
            task.cancel()
