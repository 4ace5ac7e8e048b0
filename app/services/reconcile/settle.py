"""What a settled look means for its rollout, its place in the queue and its next look; and whether it is void. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.supersede import drops_patch, may_arrive
from app.services.reconcile.targets import Claim, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The target as it is stored when a look is written. `rollout` is the open one and whether it was submitted, None
    when none is open; `commanded_at` is when a person spoke last, by watch."""

    rollout: tuple[UUID, bool] | None
    paused: bool
    commanded_at: Mapping[str, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What follows from a look. `gives_up` is whether the open rollout's order is left while it may still be applied;
    `withdraws` whether the rollout is left without an order; `waits` whether the target is in the queue for a slot.

    `inspect_job` is whether the next look reads the job whatever is known of it; `gives_way` whether the target that
    waits longest may look now.
    """

    gives_up: bool
    withdraws: bool
    waits: bool
    inspect_job: bool
    gives_way: bool


def overtaken(claim: Claim, current: Current) -> bool:
    """Whether a person spoke, or the open rollout went another way, since the look began."""
    known = (claim.rollout.rollout_id, claim.rollout.submitted) if claim.rollout else None
    return (
        current.rollout != known
        or (current.paused and not claim.paused)
        or any(current.commanded_at.get(state.watch.name) != state.commanded_at for state in claim.watches)
    )


def settlement(claim: Claim, result: Result) -> Settlement:
    """What the store writes for the look, beside what was found."""
    rollout, launch = claim.rollout, result.launch
    waits_anew = bool(result.queued)
    waits = waits_anew or (result.queued is None and claim.queued_since is not None)
    gives_up = rollout is not None and drops_patch(
        rollout.origin,
        rollout.patch,
        registers=launch.patch if launch is not None and launch.reuse else None,
        ends=result.ended is not None,
        waits=waits_anew,
    )
    return Settlement(
        gives_up=gives_up and rollout is not None and may_arrive(rollout.patch, result.job),
        withdraws=launch is None and waits_anew and rollout is not None and not rollout.origin.is_explicit,
        waits=waits,
        # Once all is settled, the next poll need not read the job; until then the next look does.
        inspect_job=result.job_read and result.requeue_in is not None and not waits,
        # Whoever ends a rollout, or leaves the queue and starts none, lets the next one look.
        gives_way=result.ended is not None or (claim.queued_since is not None and not waits),
    )
