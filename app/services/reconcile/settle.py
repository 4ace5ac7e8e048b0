"""What follows from a reconcile for its rollout, its queue position and the next pass; and whether it is void. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.supersede import drops_patch, may_arrive
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The target as it is stored when a reconcile is written. `rollout` is the open one with whether it was submitted,
    None if none is open; `commanded_at` is the time of the last command, by watch."""

    rollout: tuple[UUID, bool] | None
    paused: bool
    commanded_at: Mapping[str, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What follows from a reconcile.

    `abandons_patch` is whether the open rollout loses a patch that may still be applied; `clears_patch` is whether the
    rollout is left without a patch. `queued` is whether the target is in the queue for a slot. `inspect_job` is whether
    the next reconcile must read the job. `wakes_next` is whether the target that has waited longest is woken.
    """

    abandons_patch: bool
    clears_patch: bool
    queued: bool
    inspect_job: bool
    wakes_next: bool


def overtaken(claim: Claim, current: Current) -> bool:
    """Whether a command came, or the open rollout changed, since the reconcile began."""
    known = (claim.rollout.rollout_id, claim.rollout.submitted) if claim.rollout else None
    return (
        current.rollout != known
        or (current.paused and not claim.paused)
        or any(current.commanded_at.get(state.watch.name) != state.commanded_at for state in claim.watches)
    )


def settlement(claim: Claim, result: Result) -> Settlement:
    """What the store writes for the reconcile, beside its results."""
    rollout, launch = claim.rollout, result.launch
    queues_now = bool(result.queued)
    queued = queues_now or (result.queued is None and claim.queued_since is not None)
    abandons_patch = rollout is not None and drops_patch(
        rollout.origin,
        rollout.patch,
        registers=launch.patch if launch is not None and launch.reuse else None,
        ends=result.ended is not None,
        queued=queues_now,
    )
    return Settlement(
        abandons_patch=abandons_patch and rollout is not None and may_arrive(rollout.patch, result.job),
        clears_patch=launch is None and queues_now and rollout is not None and not rollout.origin.is_explicit,
        queued=queued,
        # Once all is settled, the next poll need not read the job; until then the next reconcile does.
        inspect_job=result.job_read and result.requeue_in is not None and not queued,
        # A target that ends a rollout, or leaves the queue without one, wakes the next target.
        wakes_next=result.ended is not None or (claim.queued_since is not None and not queued),
    )
