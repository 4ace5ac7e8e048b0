"""One check of a rollout over fakes: a rollout under way, and a Nomad that shows one snapshot of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain.deployment import (
    AllocationState,
    DeploymentPhase,
    DeploymentState,
    Diagnosis,
    RunningSince,
    Snapshot,
    WaitIndex,
)
from app.domain.job import JobPatch, Submission
from app.domain.rollout import Course, Patience
from app.domain.watch import JobPlace
from app.services.rollout.follow import Follower, follow
from app.services.rollout.rollouts import LeasedRollout
from app.services.rollout.wait_for_change import ChangeWaiter
from tests.fakes.deployer import UnusedDeployer
from tests.fakes.rollouts import MemoryRollouts
from tests.fakes.waker import InProcessWaker

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=7)
PLACE = JobPlace(region="", namespace="default", job_id="app")
SUBMISSION = Submission(index=9, evaluation_id="e")
PATCH = JobPatch(changes={}, expected_index=8)
DEPLOYMENT = DeploymentState(
    deployment_id="d", phase=DeploymentPhase.ACTIVE, description="words", desired=2, placed=2, healthy=1, unhealthy=0
)
DEPLOYING = Snapshot(present=True, index=9, evaluated=True, desired=2, deployment=DEPLOYMENT)
WITHOUT = replace(DEPLOYING, deployment=None)
INDEX = WaitIndex(subject="deployment/d", index=12)
FAILED = replace(DEPLOYING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.FAILED))
REVERTED = replace(FAILED, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.FAILED, reverted_to=3))
DIAGNOSIS = Diagnosis(findings=("exited with code 3",))
BEFORE = NOW - timedelta(seconds=20)
COURSE = Course(
    submission=SUBMISSION, started_at=NOW - timedelta(seconds=20), progressed_at=NOW - timedelta(seconds=20)
)
ROLLOUT = LeasedRollout(
    rollout_id=ID,
    token=UUID(int=8),
    target_id=1,
    place=PLACE,
    course=COURSE,
    progress=DEPLOYING.progress,
    now=NOW,
    deployment_id="d",
    patch=PATCH,
    what=("team/app:v1.1.0",),
)


@dataclass
class FollowedDeployer(UnusedDeployer):
    """A Nomad that shows one snapshot; an exception is raised. `asked` are the calls, with what each was about."""

    snapshot: Snapshot | BaseException = DEPLOYING
    back: Submission | None = None
    successor: Submission | None = None
    diagnosis: Diagnosis | Exception = DIAGNOSIS
    refused: Exception | None = None
    hangs: bool = False
    observed: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        self.asked.append(("observe", submission, deployment_id))
        self.observed.set()
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.snapshot, BaseException):
            raise self.snapshot
        return self.snapshot

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        self.asked.append(("wait_for_change", wait_index, within))
        await asyncio.Event().wait()

    async def find_auto_revert(self, place: JobPlace, submission: Submission) -> Submission | None:
        return self.back

    async def find_successor(self, place: JobPlace, submission: Submission, patch: JobPatch) -> Submission | None:
        self.asked.append(("find_successor", submission, patch))
        return self.successor

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        if isinstance(self.diagnosis, Exception):
            raise self.diagnosis
        return self.diagnosis

    async def promote(self, place: JobPlace, deployment_id: str) -> None:
        self._command("promote", deployment_id)

    async def fail(self, place: JobPlace, deployment_id: str) -> None:
        self._command("fail", deployment_id)

    def _command(self, name: str, deployment_id: str) -> None:
        self.asked.append((name, deployment_id))
        if self.refused is not None:
            raise self.refused


@dataclass
class Check:
    rollouts: MemoryRollouts
    deployer: FollowedDeployer
    follower: Follower
    wakes: list[tuple[str, str]]
    delays: list[float]

    async def run(self) -> bool:
        return await follow(self.follower, ID)

    @property
    def end(self) -> tuple[Any, ...]:
        """The only end: its outcome, diagnosis, and whether it is undone."""
        (end,) = (call[1:] for call in self.rollouts.calls if call[0] == "end")
        return end


class DelayedWaker(InProcessWaker):
    def __init__(self) -> None:
        super().__init__()
        self.delays: list[float] = []

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        self.delays.append(delay)
        super().wake(actor, key, delay=delay)


@asynccontextmanager
async def a_check(leased: LeasedRollout | None = ROLLOUT, **deployer: Any) -> AsyncIterator[Check]:
    rollouts, asked, waker = MemoryRollouts(leased=leased), FollowedDeployer(**deployer), DelayedWaker()
    waiter = ChangeWaiter(rollouts, asked, waker)
    follower = Follower(
        rollouts=rollouts,
        deployer=asked,
        waker=waker,
        waiter=waiter,
        patience=Patience(stall_after=900.0, deadline=3600.0),
        lease=30.0,
    )
    yield Check(rollouts, asked, follower, waker.wakes, waker.delays)
    await waiter.aclose()


RUNNING = AllocationState(allocation_id="a", status="running", started=5.0)
SEEN = RunningSince(started=5.0, at=NOW - timedelta(seconds=4))
