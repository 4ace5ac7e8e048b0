"""One check of a rollout under way: what it asks Nomad for, what it stores, and when it is checked again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

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
from app.domain.rollout import Course, Outcome, OutcomeKind, Patience, Returning
from app.domain.watch import JobPlace
from app.errors import JobRejected, NomadDenied, NomadUnavailable, StoreUnavailable, Unforeseen
from app.services.rollout.follow import Follower, follow
from app.services.rollout.rollouts import CanaryCommand, Ended, LeasedRollout
from app.services.rollout.wait_for_change import EXTENSION, ChangeWaiter
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


async def test_a_rollout_that_is_not_due_or_leased_is_left_alone() -> None:
    async with a_check(None) as check:
        assert await check.run() is False
        assert (check.rollouts.calls, check.deployer.asked) == ([], [])


async def test_a_rollout_that_goes_on_is_stored_and_checked_again() -> None:
    async with a_check() as check:
        assert await check.run() is True
        pause = check.rollouts.pause
        assert (pause.seconds, pause.note) == (2.0, "1 of 2 allocations are healthy")
        assert pause.progress == DEPLOYING.progress
        assert (pause.deployment, pause.running_since) == (DEPLOYMENT, {})
        assert check.deployer.asked == [("observe", SUBMISSION, "d")]
        assert (check.wakes, check.delays) == ([("follow", str(ID))], [2.0])


async def test_a_rollout_with_a_wait_index_is_waited_for() -> None:
    async with a_check(snapshot=replace(DEPLOYING, wait_index=INDEX)) as check:
        await check.run()
        await asyncio.sleep(0)
        assert check.rollouts.pause.seconds == EXTENSION
        assert check.wakes == []
        assert check.deployer.asked[-1] == ("wait_for_change", INDEX, pytest.approx(300.05))


async def test_a_wait_that_is_nearly_over_is_not_begun() -> None:
    """The check that is due next is woken itself."""
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=899.99))
    async with a_check(replace(ROLLOUT, course=course), snapshot=replace(DEPLOYING, wait_index=INDEX)) as check:
        await check.run()
        assert check.wakes == [("follow", str(ID))]
        assert check.rollouts.pause.seconds == pytest.approx(0.1)


async def test_canaries_that_begin_to_wait_for_a_person_are_notified() -> None:
    async with a_check() as check:
        check.rollouts.notifications = (4, 5)
        await check.run()
        assert check.wakes[1:] == [("notify", "4"), ("notify", "5")]


RUNNING = AllocationState(allocation_id="a", status="running", started=5.0)
SEEN = RunningSince(started=5.0, at=NOW - timedelta(seconds=4))


async def test_a_job_without_deployments_is_judged_by_when_each_allocation_was_first_seen() -> None:
    course = replace(COURSE, running_since={"a": SEEN})
    async with a_check(replace(ROLLOUT, course=course), snapshot=replace(WITHOUT, allocations=(RUNNING,))) as check:
        await check.run()
        assert check.rollouts.pause.running_since == {"a": SEEN}
    async with a_check(snapshot=replace(WITHOUT, allocations=(RUNNING,))) as check:
        await check.run()
        assert check.rollouts.pause.running_since == {"a": RunningSince(started=5.0, at=NOW)}


async def test_an_allocation_that_restarted_since_has_not_proved_itself() -> None:
    course = replace(COURSE, running_since={"a": replace(SEEN, started=1.0, at=BEFORE)})
    once = replace(WITHOUT, desired=1, allocations=(RUNNING,))
    async with a_check(replace(ROLLOUT, course=course), snapshot=once) as check:
        await check.run()
        assert check.rollouts.names == ["wait"]
    proved = replace(COURSE, running_since={"a": replace(SEEN, at=BEFORE)})
    async with a_check(replace(ROLLOUT, course=proved), snapshot=once) as check:
        await check.run()
        assert check.end[0].kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize(("progress", "ends"), [(DEPLOYING.progress, True), ("another", False)])
async def test_progress_restarts_the_stall_timer(progress: str, ends: bool) -> None:
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=901))
    async with a_check(replace(ROLLOUT, course=course, progress=progress)) as check:
        await check.run()
        assert ("end" in check.rollouts.names) is ends


async def test_a_stall_is_diagnosed_and_not_undone() -> None:
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=901))
    async with a_check(replace(ROLLOUT, course=course)) as check:
        await check.run()
        outcome, diagnosis, undo = check.end
        assert (outcome.kind, diagnosis, undo) == (OutcomeKind.STALLED, DIAGNOSIS, False)
        assert outcome.cause == "exited with code 3"


async def test_a_success_ends_it_and_wakes_whom_that_concerns() -> None:
    done = replace(DEPLOYING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.SUCCESSFUL))
    async with a_check(snapshot=done) as check:
        check.rollouts.ended = Ended(due=(1, 2), notification_delivery_ids=(3,))
        with capture_logs() as logs:
            await check.run()
        assert check.end == (Outcome(kind=OutcomeKind.SUCCEEDED, reason="words"), None, False)
        assert check.wakes == [("reconcile", "1"), ("reconcile", "2"), ("notify", "3")]
        named = {"rollout": str(ID), "what": ["team/app:v1.1.0"]}
        assert logs == [
            {"event": "rollout.ended", "log_level": "info", "outcome": "succeeded", "reason": "words", **named}
        ]


@pytest.mark.parametrize(("completes", "undo"), [(False, True), (True, False)])
async def test_a_failure_is_diagnosed_and_undone(completes: bool, undo: bool) -> None:
    async with a_check(snapshot=replace(FAILED, completes=completes)) as check:
        await check.run()
        outcome, diagnosis, undone = check.end
        assert (outcome.kind, outcome.cause) == (OutcomeKind.FAILED, "exited with code 3")
        assert (diagnosis, undone) == (DIAGNOSIS, undo)


@pytest.mark.parametrize("error", [NomadUnavailable("Nomad is away"), NomadDenied("no permission")])
async def test_a_failure_ends_without_its_diagnosis_too(error: Exception) -> None:
    async with a_check(snapshot=FAILED, diagnosis=error) as check:
        await check.run()
        outcome, diagnosis, undone = check.end
        assert (outcome.kind, outcome.reason, diagnosis, undone) == (OutcomeKind.FAILED, "words", Diagnosis(), True)


@pytest.mark.parametrize(("waited", "waits"), [(59.9, True), (60.0, False)])
async def test_nomads_own_revert_is_waited_for(waited: float, waits: bool) -> None:
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=waited))
    async with a_check(replace(ROLLOUT, course=course, progress=REVERTED.progress), snapshot=REVERTED) as check:
        await check.run()
        if waits:
            assert (check.rollouts.pause.seconds, check.rollouts.pause.note) == (0.5, "Nomad reverts to version 3")
            assert check.rollouts.names == ["wait"]
        else:
            assert check.rollouts.names == ["end"]
            assert check.end[2] is False  # Nomad goes back by itself, however late


async def test_nomads_own_revert_is_followed() -> None:
    back = Submission(index=10, evaluation_id="b")
    async with a_check(snapshot=REVERTED, back=back) as check:
        await check.run()
        ((name, returning, diagnosis),) = check.rollouts.calls
        assert (name, diagnosis) == ("follow_revert", DIAGNOSIS)
        assert returning == Returning(
            submission=back, version=3, reason="exited with code 3; words", cause="exited with code 3"
        )
        assert check.wakes == [("follow", str(ID))]


async def test_a_revert_that_is_followed_ends_it_without_another_undo() -> None:
    back = Submission(index=10, evaluation_id="b")
    course = replace(COURSE, returning=Returning(submission=back, version=3, reason="it crashed"))
    async with a_check(replace(ROLLOUT, course=course), snapshot=replace(FAILED, index=10)) as check:
        await check.run()
        outcome, diagnosis, undo = check.end
        assert (outcome.kind, diagnosis, undo) == (OutcomeKind.FAILED, None, False)
        assert check.deployer.asked == [("observe", back, "d")]


REPLACED = replace(DEPLOYING, index=12, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.REPLACED))


async def test_a_version_that_carries_our_patch_is_followed() -> None:
    successor = Submission(index=12, evaluation_id="s")
    async with a_check(snapshot=REPLACED, successor=successor) as check:
        await check.run()
        assert check.rollouts.calls == [("follow_successor", successor)]
        assert check.deployer.asked[-1] == ("find_successor", SUBMISSION, PATCH)
        assert check.wakes == [("follow", str(ID))]


async def test_a_version_without_our_patch_supersedes_it() -> None:
    async with a_check(snapshot=REPLACED) as check:
        await check.run()
        assert check.end[0].kind is OutcomeKind.SUPERSEDED
    returning = replace(COURSE, returning=Returning(submission=SUBMISSION, version=3, reason="it crashed"))
    for leased in (replace(ROLLOUT, patch=None), replace(ROLLOUT, course=returning)):
        async with a_check(leased, snapshot=REPLACED) as check:
            await check.run()
            assert check.rollouts.names == ["end"]
            assert [call[0] for call in check.deployer.asked] == ["observe"]


async def test_a_rollout_that_was_stopped_looks_for_no_successor() -> None:
    stopped = replace(DEPLOYING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.STOPPED))
    async with a_check(snapshot=stopped, successor=SUBMISSION) as check:
        await check.run()
        assert check.end[0].kind is OutcomeKind.STOPPED


SOAKED = replace(COURSE, promote_after=10.0)
CANARIES = replace(DEPLOYING, deployment=replace(DEPLOYMENT, desired=4, healthy=2, canaries=2, awaits_promotion=True))


async def test_canaries_are_promoted_after_their_soak_time() -> None:
    leased = replace(ROLLOUT, course=SOAKED, progress=CANARIES.progress)
    async with a_check(leased, snapshot=replace(CANARIES, wait_index=INDEX)) as check:
        await check.run()
        assert check.deployer.asked[1:] == [("promote", "d")]
        assert (check.rollouts.pause.seconds, check.rollouts.pause.note) == (0.1, "its canaries were promoted")
        assert (check.wakes, check.delays) == ([("follow", str(ID))], [0.1])


@pytest.mark.parametrize(("command", "name"), [(CanaryCommand.PROMOTE, "promote"), (CanaryCommand.FAIL, "fail")])
async def test_a_persons_command_for_the_canaries_is_applied_once(command: CanaryCommand, name: str) -> None:
    async with a_check(replace(ROLLOUT, canary_command=command), snapshot=CANARIES) as check:
        with capture_logs() as logs:
            await check.run()
        assert check.deployer.asked[0] == (name, "d")
        assert check.rollouts.names == ["canary_command_done", "wait"]
        assert [each["event"] for each in logs] == ["canary_command.applied"]


async def test_a_command_that_nomad_refuses_is_not_tried_again() -> None:
    leased = replace(ROLLOUT, canary_command=CanaryCommand.PROMOTE)
    async with a_check(leased, snapshot=CANARIES, refused=JobRejected("nothing to promote")) as check:
        with capture_logs() as logs:
            await check.run()
        assert check.rollouts.names == ["canary_command_done", "wait"]
        assert [each["event"] for each in logs] == ["canary_command.refused"]


async def test_a_command_waits_for_nomad() -> None:
    leased = replace(ROLLOUT, canary_command=CanaryCommand.PROMOTE)
    async with a_check(leased, refused=NomadUnavailable("Nomad is away")) as check:
        await check.run()
        assert check.rollouts.names == ["wait"]
    async with a_check(replace(leased, deployment_id="")) as check:
        await check.run()
        assert check.rollouts.names == ["wait"]
        assert [call[0] for call in check.deployer.asked] == ["observe"]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NomadUnavailable("Nomad is away"), 2.0),
        (NomadUnavailable("Nomad is away", retry_after=9.0), 9.0),
        (NomadUnavailable("Nomad is away", retry_after=1.0), 2.0),
        (NomadDenied("no permission"), 2.0),
    ],
)
async def test_an_error_of_nomad_never_ends_it(error: Exception, seconds: float) -> None:
    running = {"a": SEEN}
    leased = replace(ROLLOUT, course=replace(COURSE, running_since=running), progress="before")
    async with a_check(leased, snapshot=error) as check:
        assert await check.run()
        pause = check.rollouts.pause
        assert (pause.seconds, pause.note, pause.progress) == (seconds, str(error), "before")
        assert (pause.deployment, pause.running_since) == (None, running)
        assert check.delays == [seconds]


@pytest.mark.parametrize(("age", "seconds"), [(5, 2.0), (100, 10.0), (9000, 60.0)])
async def test_an_error_of_ours_is_noted_and_reported(age: int, seconds: float) -> None:
    leased = replace(ROLLOUT, course=replace(COURSE, started_at=NOW - timedelta(seconds=age)))
    for error in (ValueError("a fault"), asyncio.CancelledError("a fault")):
        async with a_check(leased, snapshot=error) as check:
            with pytest.raises(Unforeseen, match="a fault"):
                await check.run()
            assert check.rollouts.pause.seconds == seconds
            assert "a fault" in check.rollouts.pause.note


async def test_an_outage_of_postgres_is_the_callers() -> None:
    async with a_check(snapshot=StoreUnavailable("Postgres is away")) as check:
        with pytest.raises(StoreUnavailable):
            await check.run()
        assert check.rollouts.calls == []


async def test_a_check_that_is_cancelled_writes_nothing() -> None:
    async with a_check(hangs=True) as check:
        running = asyncio.create_task(check.run())
        await check.deployer.observed.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert check.rollouts.calls == []
