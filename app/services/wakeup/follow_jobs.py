"""Follow the jobs of all watched namespaces: what others change in Nomad makes its target due within a second.

It runs in the poller, as what asks the registries does: both only find out that something changed, and a worker that is
busy with rollouts must not delay that. Each namespace is followed by one process at a time, under a lease.
"""

import asyncio
import math
import time
from collections.abc import Callable
from uuid import UUID

from app.domain.job_change import MOST_FOLLOWED
from app.errors import StoreUnavailable
from app.ports import JobChanges, Waker
from app.services.processes.loops import Loop
from app.services.wakeup.follow_namespace import NamespaceFollower
from app.services.wakeup.namespaces import LeasedNamespace, Namespaces

LEASE = 6.0  # seconds
TEND = 1.5  # seconds between two renewals
KEEP = 6.0  # seconds until a namespace that a new watch names is followed; it is read meanwhile


class JobFollower:
    """Follows the namespaces that this process has a lease on."""

    def __init__(
        self,
        store: Namespaces,
        changes: JobChanges,
        waker: Waker,
        *,
        lease: float = LEASE,
        every: float = TEND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._changes = changes
        self._waker = waker
        self._lease = lease
        self._every = every
        self._clock = clock
        self._kept_at = -math.inf
        self._following: dict[UUID, tuple[NamespaceFollower, asyncio.Task[None]]] = {}

    async def run(self, *, loop: Loop | None = None) -> None:
        """Follow until cancelled, then let other processes take over."""
        try:
            await (loop or following()).run(self._tend)
        finally:
            await self._release()

    async def _tend(self) -> float:
        now = self._clock()
        if now - self._kept_at >= KEEP:
            await self._store.keep()
            self._kept_at = now
        held = {token: follower.progress for token, (follower, _) in self._following.items()}
        leased = {each.token: each for each in await self._store.tend(held, self._lease, most=MOST_FOLLOWED)}
        for token in [token for token in self._following if token not in leased]:
            await self._leave(token)
        for token, lease in leased.items():
            if token not in self._following:
                self._begin(lease)
        return self._every

    def _begin(self, lease: LeasedNamespace) -> None:
        follower = NamespaceFollower(self._store, self._changes, self._waker, lease, clock=self._clock)
        self._following[lease.token] = (follower, asyncio.create_task(follower.run()))

    async def _leave(self, token: UUID) -> None:
        _, task = self._following.pop(token)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _release(self) -> None:
        tokens = list(self._following)
        for token in tokens:
            await self._leave(token)
        try:
            async with asyncio.timeout(self._every):
                await self._store.release(tokens)
        except (StoreUnavailable, TimeoutError):
            return  # the leases end by themselves


def following() -> Loop:
    """The loop of `JobFollower.run`."""
    return Loop("follow_jobs", retry=0.5, retry_at_most=2.0, bound=5.0)
