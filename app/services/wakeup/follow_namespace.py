"""Follow the jobs of one namespace: hear what changes, make its targets due, and know when Nomad is away.

A stream alone does not show that Nomad hangs: its heartbeats come every half minute. So a question for a sign of life
waits at Nomad all the time. It decides nothing about a job: an event only makes the job read.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

import structlog

from app.domain.job_change import Heed, differing, heed
from app.errors import NomadDenied, NomadUnavailable
from app.ports import ChangeBatch, JobChanges, Waker
from app.services.processes.loops import Loop
from app.services.wakeup.namespaces import Following, FollowingLost, LeasedNamespace, Namespaces
from app.services.wakeup.pending_jobs import PendingJob, PendingJobs
from app.services.wakeup.wake import NOTIFY, RECONCILE

log = structlog.get_logger()

TOLERATED = 1.5  # seconds without an answer that are no outage yet: a server restarts, a proxy ends the connection
_ALIVE = 10.0  # seconds for which a sign of life counts
_RETRY = 0.5
_REFUSED_RETRY = 30.0
_DENIED_RETRY = 5.0  # a token that may not even ask for a sign of life: its refusal is one
_RESUMES_WITHIN = 1.0
_LIST_APART = 5.0  # seconds between two lists, if events cannot be read
_HELD = 1000  # batches that are heard and not looked at yet
_TOGETHER = 0.02  # seconds in which changes of several jobs become one write


class NamespaceFollower:
    """Follows one namespace until its task is cancelled, or its lease is lost."""

    def __init__(
        self,
        store: Namespaces,
        changes: JobChanges,
        waker: Waker,
        lease: LeasedNamespace,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._changes = changes
        self._waker = waker
        self._lease = lease
        self._namespace = lease.namespace
        self._clock = clock
        self._pending = PendingJobs()
        self._added = asyncio.Event()
        self._heard_index = lease.heard_index
        self._is_streaming = False
        self._alive_at = clock()
        self._failing_since: float | None = None
        self._listed_at: float | None = None

    @property
    def progress(self) -> Following:
        """Whether events come, and up to which index all of them made their targets due."""
        first = self._pending.first_index
        return Following(
            streaming=self._is_streaming and self._clock() - self._alive_at < _ALIVE,
            heard_index=self._heard_index if first is None else min(self._heard_index, first - 1),
        )

    async def run(self) -> None:
        """Follow; ends only when the lease is lost."""
        loops = (
            asyncio.create_task(Loop("follow_namespace", bound=None, quiet=True).run(self._session)),
            asyncio.create_task(Loop("job_changes", bound=None, quiet=True).run(self._make_due)),
        )
        try:
            await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    async def _session(self) -> float | None:
        """Hear changes until the stream ends. Returns the pause before the next one, None when the lease is lost."""
        try:
            index = await self._changes.sign_of_life(self._namespace, index=0)
            async with aclosing(self._changes.batches(self._namespace, since=self._heard_index)) as batches:
                await self._hear(batches, await anext(batches), index)
        except NomadDenied as error:
            return await self._refused(str(error))
        except NomadUnavailable as error:
            return await self._failed(str(error))
        except FollowingLost:
            return None
        finally:
            self._is_streaming = False
        return _RETRY

    async def _hear(self, batches: AsyncGenerator[ChangeBatch, None], first: ChangeBatch, index: int) -> None:
        """Hear, look at what was heard, and ask for signs of life; ends with the error of the first that fails."""
        self._alive_at = self._clock()
        heard: asyncio.Queue[ChangeBatch] = asyncio.Queue(_HELD)
        heard.put_nowait(first)
        tasks = (
            asyncio.create_task(_put_all(batches, heard)),
            asyncio.create_task(self._look_at(heard)),
            asyncio.create_task(self._ask(index)),
        )
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, index: int) -> None:
        """Ask for signs of life, each of which waits a while at Nomad, until one fails."""
        while True:
            asked_at = self._clock()
            index = await self._changes.sign_of_life(self._namespace, index=max(1, index))
            self._alive_at = self._clock()
            await asyncio.sleep(max(0.0, _RETRY - (self._alive_at - asked_at)))

    async def _look_at(self, heard: asyncio.Queue[ChangeBatch]) -> None:
        early = await _early(heard)
        if not (self._heard_index and any(batch.index == self._heard_index for batch in early)):
            await self._list()
        await self._is_back()
        for batch in early:
            await self._note(batch)
        while True:
            await self._note(await heard.get())

    async def _note(self, batch: ChangeBatch) -> None:
        self._alive_at = self._clock()
        if batch.unreadable:
            await asyncio.sleep(max(0.0, (self._listed_at or 0.0) + _LIST_APART - self._clock()))
            await self._list()
            return
        for change in batch.changes:
            self._pending.add(change, index=batch.index, now=self._clock())
        self._heard_index = max(self._heard_index, batch.index)
        if batch.changes:
            self._added.set()

    async def _list(self) -> None:
        """Make due what changed without being heard."""
        since = self._heard_index
        listed = await self._changes.listed(self._namespace)
        known = await self._store.read_targets(self._namespace)
        found = differing({job_id: each.indexes for job_id, each in known.items()}, listed, since=since)
        await self._wake([known[job_id].target_id for job_id in found])
        self._heard_index = listed.index
        self._listed_at = self._clock()
        log.debug("jobs.listed", namespace=str(self._namespace), differing=len(found))

    async def _make_due(self) -> float | None:
        """Make the targets of pending jobs due. Returns the pause before the next turn, None when the lease is lost."""
        now, next_due = self._clock(), self._pending.next_due
        if next_due is None or next_due > now:
            self._added.clear()
            try:
                async with asyncio.timeout(None if next_due is None else next_due - now):
                    await self._added.wait()
            except TimeoutError:
                pass
            return _TOGETHER
        try:
            await self._act(self._pending.due(now))
        except FollowingLost:
            return None
        self._pending.forget_old(now)
        return 0.0

    async def _act(self, due: Mapping[str, PendingJob]) -> None:
        targets = await self._store.targets(self._namespace, list(due))
        now, counting = self._clock(), []
        for job_id, job in due.items():
            target = targets.get(job_id)
            heeded = max(heed(each, target.rollout) for each in job.signals) if target is not None else Heed.IGNORE
            if self._pending.settle(job_id, job, heeded, now=now):
                counting.append(job_id)
        try:
            await self._wake([targets[job_id].target_id for job_id in counting])
        except BaseException:
            for job_id in counting:
                self._pending.restore(job_id, due[job_id])
            raise

    async def _wake(self, target_ids: list[int]) -> None:
        if not target_ids:
            return
        await self._store.make_due(self._lease, target_ids)
        for target_id in target_ids:
            self._waker.wake(RECONCILE, str(target_id))

    async def _is_back(self) -> None:
        """Events come, and nothing is missing."""
        for target_id in await self._store.streaming(self._lease, self.progress.heard_index):
            self._waker.wake(RECONCILE, str(target_id))
        self._is_streaming, self._failing_since = True, None
        log.info("jobs.followed", namespace=str(self._namespace))

    async def _refused(self, problem: str) -> float | None:
        self._failing_since = None
        try:
            is_news = await self._store.refused(self._lease, problem)
        except FollowingLost:
            return None
        if is_news:
            log.warning("jobs.not_followed", namespace=str(self._namespace), problem=problem)
        try:
            async with asyncio.timeout(_REFUSED_RETRY):
                await self._ask(1)
        except TimeoutError:
            return 0.0
        except NomadDenied:
            return _DENIED_RETRY
        except NomadUnavailable as error:
            return await self._failed(str(error))
        return _RETRY

    async def _failed(self, problem: str) -> float | None:
        """Nomad did not answer: an outage if it lasts."""
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        since = now - self._failing_since
        if since < TOLERATED:
            return _RETRY
        try:
            notifications = await self._store.unavailable(self._lease, problem, since=since)
        except FollowingLost:
            return None
        for notification_delivery_id in notifications:
            self._waker.wake(NOTIFY, str(notification_delivery_id))
        return _RETRY


async def _put_all(batches: AsyncGenerator[ChangeBatch, None], heard: asyncio.Queue[ChangeBatch]) -> None:
    async for batch in batches:
        await heard.put(batch)


async def _early(heard: asyncio.Queue[ChangeBatch]) -> list[ChangeBatch]:
    """What was heard up to the first batch with an index, or within a moment."""
    early: list[ChangeBatch] = []
    try:
        async with asyncio.timeout(_RESUMES_WITHIN):
            while not any(batch.index for batch in early):
                early.append(await heard.get())
    except TimeoutError:
        pass
    return early
