"""The store of reconciles.

A reconcile holds a lease on its target, and the lease fences every write: if the lease was lost, `LeaseLost` ends the
reconcile without an error, because another worker has taken over.
"""

from typing import Protocol
from uuid import UUID

from app.domain.job import JobPatch, Submission
from app.domain.rollout import Outcome
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import ResolvedTag, Result, Written


class LeaseLost(Exception):
    """Another worker has the lease now; nothing was written."""


class Targets(Protocol):
    """The store of reconciles. All methods raise StoreUnavailable; those that write raise LeaseLost."""

    async def claim(self, target_id: int, lease_seconds: float) -> Claim | None:
        """Take the lease if the target is due and free; None otherwise (a duplicate wake-up, or another worker)."""
        ...

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        """Extend the lease; False if it was lost."""
        ...

    async def record_resolved(self, claim: Claim, watch: str, resolved: ResolvedTag) -> bool:
        """Record that the rule desires this digest; True if it was found for the first time."""
        ...

    async def settle(self, claim: Claim, result: Result) -> Written:
        """Write the whole result in one transaction, and release the lease unless `result.launch` is given.

        A launch, or the end of an open rollout, is written only if no command came since the reconcile began, and
        within `result.bounds`.
        """
        ...

    async def submitted(self, claim: Claim, rollout_id: UUID, patch: JobPatch, submission: Submission) -> Written:
        """Record that Nomad has the rollout's patch, and release the lease.

        This is the only write without the lease: a registration is a fact, however late it is recorded. If a newer
        rollout was registered since, only the rollout itself is updated. If the rollout has another patch by now,
        nothing is written.
        """
        ...

    async def requeue(
        self, claim: Claim, *, seconds: float, outage: str | None, is_ours: bool = False, refused: bool = False
    ) -> Written:
        """Release the lease and reconcile again later; an `outage` is notified once and shown until it ends, and None
        leaves it as it is. `is_ours` is whether it is a fault of this program.

        A `refused` target leaves the queue for a slot, so that others need not wait for it.
        """
        ...

    async def withdraw(self, claim: Claim, rollout_id: UUID) -> None:
        """Delete the patch of a launch that Nomad refused: the job does not have it. The rollout stays open."""
        ...

    async def refuse(self, claim: Claim, rollout_id: UUID, outcome: Outcome) -> Written:
        """End a person's rollout that Nomad refuses, and release the lease."""
        ...
