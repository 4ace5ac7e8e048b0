"""A `Rollouts` in memory for one rollout: the test gives it, and reads what a check stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.domain.deployment import Diagnosis, Snapshot
from app.domain.job import Submission
from app.domain.rollout import Outcome, Returning
from app.services.rollout.rollouts import Ended, LeasedRollout, Pause


@dataclass(slots=True)
class MemoryRollouts:
    """`leased` is the next claim; `calls` are the writes in their order: the method's name, then its values.
    With `lost` another worker has the lease."""

    leased: LeasedRollout | None = None
    ended: Ended = field(default_factory=Ended)
    notifications: Sequence[int] = ()
    lost: bool = False
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    @property
    def pause(self) -> Pause:
        """What the only `wait` stored."""
        (pause,) = (call[1] for call in self.calls if call[0] == "wait")
        assert isinstance(pause, Pause)
        return pause

    async def claim(self, rollout_id: UUID, lease_seconds: float) -> LeasedRollout | None:
        return self.leased

    async def wait(self, rollout: LeasedRollout, pause: Pause) -> Sequence[int]:
        self.calls.append(("wait", pause))
        return self.notifications

    async def canary_command_done(self, rollout: LeasedRollout) -> None:
        self.calls.append(("canary_command_done",))

    async def follow_revert(self, rollout: LeasedRollout, returning: Returning, diagnosis: Diagnosis) -> None:
        self.calls.append(("follow_revert", returning, diagnosis))

    async def follow_successor(self, rollout: LeasedRollout, successor: Submission) -> None:
        self.calls.append(("follow_successor", successor))

    async def register_again(self, rollout: LeasedRollout, *, note: str, seconds: float) -> bool:
        self.calls.append(("register_again", note, seconds))
        return not self.lost

    async def end(
        self,
        rollout: LeasedRollout,
        outcome: Outcome,
        snapshot: Snapshot,
        *,
        diagnosis: Diagnosis | None = None,
        undo: bool = False,
    ) -> Ended:
        self.calls.append(("end", outcome, diagnosis, undo))
        return self.ended

    async def extend(self, rollout_ids: Sequence[UUID], *, seconds: float) -> Sequence[UUID]:
        return rollout_ids

    async def wake(self, rollout_id: UUID) -> None:
        self.calls.append(("wake", rollout_id))
