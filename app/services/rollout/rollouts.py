"""What following a rollout works with: a rollout under lease, and the store of those under way. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.domain.job import DeploymentState, Diagnosis
from app.domain.rollout import Course, Outcome, Returning
from app.domain.watch import JobPlace


class CanaryCommand(StrEnum):
    """What a person asked of a rollout's canaries."""

    PROMOTE = "promote"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedRollout:
    """A rollout under lease: where it runs, its course, and how far it had come at the last look.

    `deployment_id` is Nomad's deployment when an earlier look saw it, "" until then.
    """

    rollout_id: UUID
    token: UUID
    target_id: int
    place: JobPlace
    course: Course
    progress: str
    now: datetime
    deployment_id: str = ""
    canary_command: CanaryCommand | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """What a look leaves on a rollout that goes on: due again in `seconds`, what it waits for, and what was seen."""

    seconds: float
    note: str
    progress: str
    deployment: DeploymentState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What the end of a rollout asks to be rung: notifications to send, and the targets that are due by it."""

    notification_delivery_ids: tuple[int, ...] = ()
    due: tuple[int, ...] = ()


class Rollouts(Protocol):
    """The store of rollouts that are under way. All methods raise StoreUnavailable; writes are fenced by the lease."""

    async def claim(self, rollout_id: UUID, lease_seconds: float) -> FollowedRollout | None:
        """Take the lease if the rollout is submitted, due for a look, and free."""
        ...

    async def wait(self, rollout: FollowedRollout, halt: Pause) -> Sequence[int]:
        """Let the lease go; a changed `progress` starts the stall timer anew. Returns the notifications to send:
        canaries that begin to wait for a person are told of once."""
        ...

    async def granted(self, rollout: FollowedRollout) -> None:
        """A person's wish was carried out, or cannot be: it is forgotten."""
        ...

    async def follow_revert(self, rollout: FollowedRollout, returning: Returning, diagnosis: Diagnosis) -> None:
        """Nomad goes back by itself: hold the digests as failed, and follow what it registered instead."""
        ...

    async def end(
        self, rollout: FollowedRollout, outcome: Outcome, *, diagnosis: Diagnosis | None = None, undo: bool = False
    ) -> Ended:
        """End it, record what failed or what runs, make the target due.

        With `undo` a failure is taken back by a rollout of its own, for the watches that want it and whose former
        image is known and not failed itself; not while everything is paused.
        """
        ...

    async def keep(self, rollout_ids: Sequence[UUID], *, seconds: float) -> Sequence[UUID]:
        """Put off the next look of those that are waited for here by `seconds` from now; returns those that still are
        under way and not due yet."""
        ...

    async def wake(self, rollout_id: UUID) -> None:
        """Make it due for a look now, if it is under way."""
        ...
