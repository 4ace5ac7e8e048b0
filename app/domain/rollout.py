"""One attempt to bring a target to a reference: its states, its outcomes, and how a snapshot of it is judged. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.job import DeploymentPhase, Snapshot, Submission


class RolloutState(StrEnum):
    """`requested` is stored and not known to be in Nomad; `submitted` is registered and followed; `ended` is over."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    ENDED = "ended"


class Origin(StrEnum):
    """Who asked: the rule itself, a person, and how, or a rollout that failed (`undo`)."""

    RULE = "rule"
    DEPLOY = "deploy"
    RESET = "reset"
    ROLLBACK = "rollback"
    UNDO = "undo"

    @property
    def by_person(self) -> bool:
        """Whether a person's word stands behind it: such a rollout may supersede another."""
        return self not in (Origin.RULE, Origin.UNDO)

    @property
    def is_order(self) -> bool:
        """Whether it says itself what to deploy, so that it is not decided again by the rule."""
        return self is not Origin.RULE

    @property
    def goes_back(self) -> bool:
        """Whether it brings what ran before, by its digest, whatever the tag shows now."""
        return self in (Origin.ROLLBACK, Origin.UNDO)


class OutcomeKind(StrEnum):
    """How a rollout ended. Only FAILED is held against the digest."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"
    STALLED = "stalled"
    NEXT_LAUNCH = "effective_at_next_launch"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a rollout, with its reason in words."""

    kind: OutcomeKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Not over: look again in `seconds`; `note` says what is waited for."""

    seconds: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: without any movement, in all, and for a task to prove itself by running."""

    stall_after: float = 900.0
    deadline: float = 86_400.0
    grace: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A rollout under way: what was submitted, when, and when it last moved."""

    submission: Submission
    started_at: datetime
    moved_at: datetime


def judge(snapshot: Snapshot, course: Course, *, patience: Patience, now: datetime) -> Wait | Outcome:
    """Tell from one snapshot whether the rollout is over.

    Nomad's verdict comes first, then what happened to the job, then the stall timer; an error of the API never ends a
    rollout, since no snapshot exists then.
    """
    for verdict in _verdicts(snapshot, course, patience, now):
        if verdict is not None:
            return verdict
    waited, age = (now - course.moved_at).total_seconds(), (now - course.started_at).total_seconds()
    if waited > patience.stall_after:
        return Outcome(kind=OutcomeKind.STALLED, reason=_joined(f"nothing moved for {waited:.0f} s", snapshot))
    if age > patience.deadline:
        return Outcome(kind=OutcomeKind.STALLED, reason=_joined(f"not over after {age:.0f} s", snapshot))
    return Wait(seconds=_pace(age), note=_joined(_waiting(snapshot), snapshot))


def _verdicts(snapshot: Snapshot, course: Course, patience: Patience, now: datetime) -> Iterator[Outcome | None]:
    yield _unchanged(course)
    yield _by_deployment(snapshot)
    yield _by_job(snapshot, course)
    yield _by_allocations(snapshot, patience, now)


def _unchanged(course: Course) -> Outcome | None:
    if course.submission.changed:
        return None
    return Outcome(kind=OutcomeKind.SUCCEEDED, reason="the job already said so; Nomad made no new version")


def _by_deployment(snapshot: Snapshot) -> Outcome | None:
    deployment = snapshot.deployment
    if deployment is None or deployment.phase is DeploymentPhase.ACTIVE:
        return None
    if deployment.phase is DeploymentPhase.SUCCESSFUL:
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason=deployment.description)
    if deployment.phase is DeploymentPhase.FAILED:
        return Outcome(kind=OutcomeKind.FAILED, reason=_joined(deployment.description, snapshot))
    kind = OutcomeKind.SUPERSEDED if deployment.phase is DeploymentPhase.REPLACED else OutcomeKind.STOPPED
    return Outcome(kind=kind, reason=deployment.description)


def _by_job(snapshot: Snapshot, course: Course) -> Outcome | None:
    if not snapshot.present:
        return Outcome(kind=OutcomeKind.STOPPED, reason="the job was purged")
    if snapshot.stopped:
        return Outcome(kind=OutcomeKind.STOPPED, reason="the job was stopped")
    if snapshot.stable:
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason="Nomad marked this version of the job as stable")
    if snapshot.launches_later:
        return Outcome(kind=OutcomeKind.NEXT_LAUNCH, reason="the job's next launch uses it")
    if snapshot.deployment is None and snapshot.index != course.submission.index:
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason="the job was registered again by somebody else")
    return None


def _by_allocations(snapshot: Snapshot, patience: Patience, now: datetime) -> Outcome | None:
    """Jobs without a deployment: each wanted allocation runs for the grace time, or completes where that is its end."""
    if snapshot.deployment is not None or not snapshot.evaluated or snapshot.unplaced:
        return None
    if snapshot.desired == 0:
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason="the job wants no allocation to run")
    # A lost one says something of its client, nothing of the image: Nomad places another.
    if any(each.status == "failed" for each in snapshot.allocations):
        return Outcome(kind=OutcomeKind.FAILED, reason=_joined("an allocation failed", snapshot))
    settled = [
        each
        for each in snapshot.allocations
        if (each.status == "complete" and snapshot.runs_to_completion)
        or (
            each.status == "running"
            and each.running_since is not None
            and now.timestamp() - each.running_since >= patience.grace
        )
    ]
    if len(settled) >= snapshot.desired:
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason=f"all {snapshot.desired} allocations run")
    return None


def _waiting(snapshot: Snapshot) -> str:
    deployment = snapshot.deployment
    if deployment is None:
        return "waiting for allocations" if snapshot.evaluated else "waiting for Nomad's scheduler"
    if deployment.awaits_promotion:
        return "waiting for a person to promote the canaries in Nomad"
    if deployment.paused:
        return "the deployment is paused in Nomad"
    return f"{deployment.healthy} of {deployment.desired} allocations are healthy"


def _joined(words: str, snapshot: Snapshot) -> str:
    return "; ".join(part for part in (words, snapshot.unplaced, *snapshot.failures) if part)


def _pace(age: float) -> float:
    """Look often while it is young, and rarely when it takes long: from 0.1 s up to 5 s, a tenth of its age."""
    return min(5.0, max(0.1, age / 10))
