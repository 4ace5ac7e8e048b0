"""A `Targets` in memory for one target: the test gives the claim, and reads what a reconcile stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.domain.job import JobPatch, Submission
from app.domain.rollout import Outcome
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import ResolvedTag, Result, Written
from app.services.reconcile.targets import LeaseLost


@dataclass(slots=True)
class MemoryTargets:
    """`claimed` is the next claim. `written` answers every write; a write named in `lost` raises LeaseLost instead.

    `calls` are the writes in their order: the method's name, then its values.
    """

    claimed: Claim | None = None
    written: Written = field(default_factory=Written)
    lost: Sequence[str] = ()
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The writes, without the digests that were found."""
        return [call[0] for call in self.calls if call[0] != "record_resolved"]

    @property
    def result(self) -> Result:
        """What the only `settle` stored."""
        (result,) = (call[1] for call in self.calls if call[0] == "settle")
        assert isinstance(result, Result)
        return result

    async def claim(self, target_id: int, lease_seconds: float) -> Claim | None:
        return self.claimed

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        return True

    async def record_resolved(self, claim: Claim, watch: str, resolved: ResolvedTag) -> bool:
        self._write("record_resolved", watch, resolved)
        return True

    async def settle(self, claim: Claim, result: Result) -> Written:
        return self._write("settle", result)

    async def submitted(self, claim: Claim, rollout_id: UUID, patch: JobPatch, submission: Submission) -> Written:
        return self._write("submitted", rollout_id, patch, submission)

    async def requeue(
        self, claim: Claim, *, seconds: float, outage: str | None, is_ours: bool = False, refused: bool = False
    ) -> Written:
        return self._write("requeue", seconds, outage, is_ours, refused)

    async def withdraw(self, claim: Claim, rollout_id: UUID) -> None:
        self._write("withdraw", rollout_id)

    async def refuse(self, claim: Claim, rollout_id: UUID, outcome: Outcome) -> Written:
        return self._write("refuse", rollout_id, outcome)

    def _write(self, name: str, *values: Any) -> Written:
        if name in self.lost:
            raise LeaseLost(1)
        self.calls.append((name, *values))
        return self.written
