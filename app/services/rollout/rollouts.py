"""The values that following uses (a rollout under lease, a pause, an end), and the store of rollouts under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.domain.deployment import DeploymentState, Diagnosis, RunningSince, Snapshot
from app.domain.job import JobPatch, Submission
from app.domain.rollout import Course, Outcome, Returning
from app.domain.watch import JobPlace


class CanaryCommand(StrEnum):
    """A person's command for the canaries of a rollout."""

    PROMOTE = "promote"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedRollout:
    """A rollout under lease: its place, its course, and its progress at the last check.

    `deployment_id` is Nomad's deployment, "" until a check finds it. `patch` is what was registered; `what` names it in
    the log: "repository:tag" of each watch. `attempts` counts the registrations in a row that Nomad did not have.
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
    patch: JobPatch | None = None
    what: tuple[str, ...] = ()
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """What a check stores for a rollout that goes on: due again in `seconds`, what it waits for, and Nomad's state.

    `running_since` is as in `Course`.
    """

    seconds: float
    note: str
    progress: str
    deployment: DeploymentState | None = None
    running_since: Mapping[str, RunningSince] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What to wake after the end of a rollout: notifications to send, and targets that are due now."""

    notification_delivery_ids: tuple[int, ...] = ()
    due: tuple[int, ...] = ()


class Rollouts(Protocol):
    """The store of rollouts that are under way. All methods raise StoreUnavailable; writes are fenced by the lease."""

    async def claim(self, rollout_id: UUID, lease_seconds: float) -> LeasedRollout | None:
        """Take the lease if the rollout is submitted, due and free; None otherwise."""
        ...

    async def wait(self, rollout: LeasedRollout, pause: Pause) -> Sequence[int]:
        """Release the lease; a changed `progress` restarts the stall timer. Returns the notifications to send: one if
        canaries begin to wait for a person."""
        ...

    async def canary_command_done(self, rollout: LeasedRollout) -> None:
        """Delete the canary command: it was applied, or Nomad refuses it."""
        ...

    async def follow_revert(self, rollout: LeasedRollout, returning: Returning, diagnosis: Diagnosis) -> None:
        """Nomad reverts the job by itself: hold the digests as failed, and follow the revert from now on."""
        ...

    async def follow_successor(self, rollout: LeasedRollout, successor: Submission) -> None:
        """Somebody registered the job again with our patch in it: follow that registration from now on."""
        ...

    async def register_again(self, rollout: LeasedRollout, *, note: str, seconds: float) -> bool:
        """Nomad does not have the registration: the rollout is requested again, as before it, and its target is due in
        `seconds`, with one more attempt. Returns False if the lease was lost."""
        ...

    async def end(
        self,
        rollout: LeasedRollout,
        outcome: Outcome,
        snapshot: Snapshot,
        *,
        diagnosis: Diagnosis | None = None,
        undo: bool = False,
    ) -> Ended:
        """End the rollout by the `snapshot`, which is stored as its last; record what failed or what runs, and make the
        target due.

        With `undo` a failure is undone by a rollout of its own, for the watches that allow it and whose former image
        is known and did not fail itself, also while everything is paused.
        """
        ...

    async def extend(self, rollout_ids: Sequence[UUID], *, seconds: float) -> Sequence[UUID]:
        """Postpone the next check of these rollouts to `seconds` from now; returns those that are still under way and
        not due yet."""
        ...

    async def wake(self, rollout_id: UUID) -> None:
        """Make the rollout due now, if it is under way."""
        ...
