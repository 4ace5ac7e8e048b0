"""Outcomes of rollouts: each reason, and the explanation of each failure, as the domain and the adapter word them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.adapters.nomad.explain.allocations import failures, lateness
from app.adapters.nomad.explain.placement import unplaced
from app.domain.decision import Hold, HoldReason
from app.domain.deployment import AllocationState, DeploymentPhase, DeploymentState, RunningSince, Snapshot
from app.domain.job import Submission
from app.domain.judge import judge
from app.domain.rollout import Course, Origin, Outcome, OutcomeKind, Returning
from app.domain.supersede import RequestedItem
from app.domain.undo import with_next_steps
from app.refusals.row import RefusalRow
from app.refusals.samples import PATIENCE, item, open_rollout, resolved_watches
from app.services.reconcile.launch import ending
from app.services.reconcile.result import WatchResult

START = datetime(2026, 1, 1, tzinfo=UTC)
COURSE = Course(submission=Submission(index=9, evaluation_id="e"), started_at=START, progressed_at=START)
DEPLOYMENT = DeploymentState(
    deployment_id="d", phase=DeploymentPhase.ACTIVE, description="", desired=2, placed=2, healthy=1, unhealthy=0
)
SNAPSHOT = Snapshot(present=True, index=9, evaluated=True, desired=1)
RELEASE = "push a newer image, or release the hold"


def outcomes() -> Iterator[RefusalRow]:
    """A row for every outcome and each of its causes."""
    yield from _succeeded()
    yield from _failed()
    yield _ended("the job was purged meanwhile", Snapshot(present=False), "the job", "register it again")
    yield _ended("the job was stopped meanwhile", replace(SNAPSHOT, stopped=True), "the job", "run it again in Nomad")
    cancelled = _deployed(DeploymentPhase.STOPPED, "Cancelled because job is stopped")
    yield _ended("Nomad cancelled its deployment", cancelled, "job", "")
    crowded = replace(SNAPSHOT, deployment=DEPLOYMENT, unplaced=_unplaced())
    yield _ended("it makes no progress (rollout_stall_after)", crowded, "the job", "check the job in Nomad", after=901)
    moving = replace(COURSE, progressed_at=START + timedelta(hours=1))
    yield _ended(
        "it takes too long (rollout_deadline)",
        replace(SNAPSHOT, deployment=DEPLOYMENT),
        "the job",
        "check the job in Nomad",
        course=moving,
        after=3601,
    )
    yield from _never_registered()


def _succeeded() -> Iterator[RefusalRow]:
    done = _deployed(DeploymentPhase.SUCCESSFUL, "Deployment completed successfully")
    yield _ended("Nomad reports success", done, "Deployment", "")
    yield _ended("it was marked as stable", replace(SNAPSHOT, stable=True), "version of the job", "")
    yield _ended("the count is 0", replace(SNAPSHOT, desired=0), "the job", "")
    ran = AllocationState(allocation_id="a", status="running", started=1.0)
    seen = replace(COURSE, running_since={"a": RunningSince(started=1.0, at=START - timedelta(minutes=1))})
    yield _ended("the allocations run", replace(SNAPSHOT, allocations=(ran,)), "allocations", "", course=seen)
    unchanged = replace(COURSE, submission=replace(COURSE.submission, changed=False))
    yield _ended("the job was the same already", SNAPSHOT, "the job", "", course=unchanged)
    yield _ended("it launches later", replace(SNAPSHOT, launches_later=True), "next launch", "")
    yield _ended(
        "somebody else registered the job", replace(SNAPSHOT, index=12), "the job", "decides by the new specification"
    )
    replaced = _deployed(DeploymentPhase.REPLACED, "Cancelled due to newer version of job")
    yield _ended("Nomad has a newer version", replaced, "job", "")


def _failed() -> Iterator[RefusalRow]:
    crashed = replace(SNAPSHOT, allocations=(AllocationState(allocation_id="a", status="failed"),))
    message = "Failed due to unhealthy allocations"
    for when, allocation in _SICK:
        snapshot = replace(_deployed(DeploymentPhase.FAILED, message), failures=failures([allocation]))
        yield _ended(when, snapshot, "app/server", RELEASE)
    late = "Failed due to progress deadline"
    lacking = _deployed(DeploymentPhase.FAILED, late, _unplaced())
    placed = replace(
        DEPLOYMENT, phase=DeploymentPhase.FAILED, description=late, deadline_passed=True, placed=1, healthy=1
    )
    nowhere = replace(lacking, deployment=replace(placed, desired=2))
    yield _ended("one of two allocations has no place", nowhere, "group app", "deploy another tag")
    for when, state in _LATE:
        snapshot = replace(_deployed(DeploymentPhase.FAILED, late), failures=lateness([state]))
        yield _ended(when, snapshot, "app/server", RELEASE)
    exited = replace(crashed, failures=failures([_SICK[0][1]]))
    yield _ended("the job has no deployment", exited, "app/server", RELEASE)
    returned = replace(COURSE, returning=Returning(submission=COURSE.submission, version=3, reason=message))
    back = _deployed(DeploymentPhase.SUCCESSFUL, "Deployment completed successfully")
    yield _ended("Nomad reverted it (auto_revert)", back, "version 3", RELEASE, course=returned)
    failed = Outcome(kind=OutcomeKind.FAILED, reason=message)
    going = with_next_steps(failed, [RequestedItem(watch="app", tag="v1.0.0", digest="")])
    yield _row("registrywatcher undoes it (revert_on_failure)", going, "app v1.0.0", RELEASE)


def _never_registered() -> Iterator[RefusalRow]:
    held = Hold(reason=HoldReason.NO_MATCHING_TAG, message="")
    gone = ending(
        open_rollout(item(), origin=Origin.DEPLOY),
        None,
        [WatchResult(watch="app", decision=held)],
        [resolved_watches()],
    )
    yield _row("the tag was deleted before the registration", gone, "v1.1.0", "push it again")
    left = ending(open_rollout(item(), origin=Origin.DEPLOY), None, [], [resolved_watches()])
    yield _row("the watch was removed before the registration", left, "app", "put it back into watched_repositories")
    stale = ending(open_rollout(item()), None, [], [resolved_watches()])
    yield _row("it is no longer desired", stale, "never registered", "")


def _deployed(phase: DeploymentPhase, description: str, unplaced_text: str = "") -> Snapshot:
    deployment = replace(DEPLOYMENT, phase=phase, description=description)
    return replace(SNAPSHOT, deployment=deployment, unplaced=unplaced_text)


def _ended(
    when: str, snapshot: Snapshot, thing: str, fix: str, *, course: Course = COURSE, after: float = 0
) -> RefusalRow:
    patience = PATIENCE
    verdict = judge(snapshot, course, patience=patience, now=START + timedelta(seconds=after))
    assert isinstance(verdict, Outcome), when
    return _row(when, with_next_steps(verdict, ()), thing, fix)


def _row(when: str, outcome: Outcome | None, thing: str, fix: str) -> RefusalRow:
    assert outcome is not None, when
    return RefusalRow(when=when, name=outcome.kind.value, sentence=outcome.reason, thing=thing, fix=fix)


def _unplaced() -> str:
    return unplaced({"FailedTGAllocs": {"app": {"NodesEvaluated": 1, "DimensionExhausted": {"memory": 1}}}})


def _sick(kind: str, message: str = "", **details: str) -> dict[str, object]:
    event = {"Type": kind, "DisplayMessage": message, "Details": details}
    state = {"server": {"Failed": True, "Events": [event]}}
    return {"TaskGroup": "app", "ClientStatus": "failed", "TaskStates": state}


_SICK = (
    ("its task exits", _sick("Terminated", "Exit Code: 1", exit_code="1")),
    ("it needs more memory", _sick("Terminated", "OOM Killed", oom_killed="true", exit_code="137")),
    ("its image cannot be pulled", _sick("Driver Failure", "Failed to pull `team/app:v1.1.0`: not found")),
    ("its checks fail", _sick("Alloc Unhealthy", "Services not healthy by deadline: web")),
    ("it cannot be set up", _sick("Setup Failure", "failed to set up alloc: no such volume")),
    ("a template waits", _sick("Template", "Missing: nomad.var.block(app)")),
)


def _late(state: str, **event: str) -> dict[str, object]:
    return {"TaskGroup": "app", "TaskStates": {"server": {"State": state, "Events": [event]}}}


_LATE = (
    ("it is not healthy in time", _late("running")),
    ("it does not start in time", _late("pending", DisplayMessage="Downloading image")),
)
