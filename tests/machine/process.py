"""One process of ours doing one piece of work: a reconcile or a check of a rollout, behind a gate of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.services.reconcile.claim import Claim
from app.services.rollout.rollouts import LeasedRollout
from tests.machine.gate import Gate, Plan
from tests.machine.ledger import Evidence


@dataclass(slots=True, kw_only=True)
class Process:
    """`job` is what it works on. `claim` is the lease that it got, None before or without one.

    `reads` are the registry's answers by tag. `evidence` is what it decided by, None until a launch was stored.
    """

    job: str
    gate: Gate
    may_deploy: Callable[[], bool]
    reads: dict[str, str] = field(default_factory=dict)
    claim: Claim | LeasedRollout | None = None
    evidence: Evidence | None = None
    task: asyncio.Task[None] | None = None

    @classmethod
    def planned(cls, job: str, plan: Plan, may_deploy: Callable[[], bool]) -> "Process":
        """A process that has not begun."""
        return cls(job=job, gate=Gate(plan=plan), may_deploy=may_deploy)

    @property
    def token(self) -> UUID | None:
        """The token of its lease."""
        return self.claim.token if self.claim is not None else None

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still in the middle of its work."""
        return self.task is not None and not self.task.done() and self.gate.frozen.is_set()

    def observe(self, name: str, values: tuple[Any, ...], answer: Any) -> None:
        """Take note of a port's answer."""
        if name == "claim":
            self.claim = answer
        elif name == "manifest":
            self.reads[values[2]] = answer.digest
        elif name == "settle" and values[1].launch is not None and not answer.overtaken:
            launch = values[1].launch
            self.evidence = Evidence(rollout_id=launch.rollout_id, reads=dict(self.reads), may_deploy=self.may_deploy())

    async def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work until the end, a crash, or a freeze."""
        self.task = asyncio.ensure_future(_done(work))
        await self._ends_or_freezes()

    async def go_on(self) -> None:
        """Go on after a freeze, to the end."""
        self.gate.thaw()
        await self._ends_or_freezes()

    async def _ends_or_freezes(self) -> None:
        assert self.task is not None
        frozen = asyncio.ensure_future(self.gate.frozen.wait())
        await asyncio.wait({self.task, frozen}, return_when=asyncio.FIRST_COMPLETED)
        frozen.cancel()
        if self.task.done():
            self.task.result()


async def _done(work: Callable[[], Awaitable[None]]) -> None:
    await work()
