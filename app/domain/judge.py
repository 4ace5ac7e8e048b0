"""Judges a rollout under way by one snapshot of it: wait, promote its canaries, or its outcome. Pure."""

from collections.abc import Iterator
from datetime import datetime

from app.domain.deployment import AllocationState, DeploymentPhase, DeploymentState, Snapshot
from app.domain.rollout import Course, Outcome, OutcomeKind, Patience, Promote, Returning, Wait

Verdict = Wait | Promote | Outcome


def judge(snapshot: Snapshot, course: Course, *, patience: Patience, now: datetime) -> Verdict:
    """Decide from one snapshot whether the rollout has ended.

    Nomad's verdict comes first, then changes of the job, then the stall timer. An error of the API never ends a
    rollout, because there is no snapshot then. Once Nomad reverts the job, the outcome is a failure, however the revert
    ends.
    """
    verdict = _judge(snapshot, course, patience, now)
    if course.returning is None:
        return verdict
    if isinstance(verdict, Outcome):
        return Outcome(kind=OutcomeKind.FAILED, reason=_returned(course.returning, verdict))
    if isinstance(verdict, Wait):
        return Wait(
            seconds=verdict.seconds, note=f"Nomad reverts to version {course.returning.version}: {verdict.note}"
        )
    return verdict


def _judge(snapshot: Snapshot, course: Course, patience: Patience, now: datetime) -> Verdict:
    found = next((each for each in _verdicts(snapshot, course, patience, now) if each is not None), None)
    if found is not None:
        return found
    verdict: Verdict
    waited, age = (now - course.progressed_at).total_seconds(), (now - course.started_at).total_seconds()
    if _needs_a_person(snapshot):
        verdict = _waiting_for_a_person(snapshot, course, waited)
    elif waited > patience.stall_after and not _is_at_work(snapshot):
        verdict = Outcome(kind=OutcomeKind.STALLED, reason=_stalled(f"nothing changed for {waited:.0f} s", snapshot))
    elif age > patience.deadline:
        verdict = Outcome(kind=OutcomeKind.STALLED, reason=_stalled(f"not finished after {age:.0f} s", snapshot))
    else:
        timers = (patience.stall_after - waited, patience.deadline - age, *_graces(snapshot, patience, now))
        seconds = max(_SOONEST, min(*timers, _LATEST) + _AFTER_TIMER)
        verdict = Wait(seconds=seconds, note=_joined(_waiting(snapshot), snapshot))
    if isinstance(verdict, Wait) and snapshot.wait_index is None:
        return Wait(seconds=min(verdict.seconds, _pace(age)), note=verdict.note)
    return verdict


# Seconds. A timer is checked shortly after it has expired. Every rollout is checked after _LATEST at most.
_SOONEST, _LATEST, _AFTER_TIMER = 0.1, 300.0, 0.05


def _needs_a_person(snapshot: Snapshot) -> bool:
    """Whether Nomad itself waits for a person: that is no stall, however long it takes."""
    deployment = snapshot.deployment
    return deployment is not None and (deployment.awaits_promotion or deployment.paused)


def _waiting_for_a_person(snapshot: Snapshot, course: Course, waited: float) -> Wait | Promote:
    deployment = snapshot.deployment
    assert deployment is not None  # _needs_a_person has checked it
    if deployment.paused or course.promote_after is None:
        return Wait(seconds=_LATEST, note=_joined(_waiting(snapshot), snapshot))
    left = course.promote_after - waited
    if left <= 0:
        return Promote(deployment_id=deployment.deployment_id)
    note = f"{_canaries(deployment)}; promoted once they were healthy for {course.promote_after:g} s"
    return Wait(seconds=min(left + _AFTER_TIMER, _LATEST), note=note)


def _returned(returning: Returning, end: Outcome) -> str:
    back = f"Nomad reverted to version {returning.version}"
    if end.kind is OutcomeKind.SUCCEEDED:
        return f"{returning.reason}; {back}, which runs"
    if end.kind is OutcomeKind.FAILED:
        return f"{returning.reason}; {back}, and that failed too: {end.reason}"
    return f"{returning.reason}; {back}: {end.reason}"


def _verdicts(snapshot: Snapshot, course: Course, patience: Patience, now: datetime) -> Iterator[Outcome | None]:
    yield _unchanged(course)
    yield _by_deployment(snapshot, course)
    yield _by_job(snapshot, course)
    yield _by_allocations(snapshot, patience, now)


def _unchanged(course: Course) -> Outcome | None:
    if course.current.changed:
        return None
    return Outcome(kind=OutcomeKind.SUCCEEDED, reason="the job already specified this image; Nomad made no new version")


def _by_deployment(snapshot: Snapshot, course: Course) -> Outcome | None:
    deployment = snapshot.deployment
    if deployment is None or deployment.phase is DeploymentPhase.ACTIVE:
        return None
    if deployment.phase is DeploymentPhase.SUCCESSFUL:
        moved_on = snapshot.present and snapshot.index != course.current.index
        since = "; the job was registered again since" if moved_on else ""
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason=f"{deployment.description}{since}")
    if deployment.phase is DeploymentPhase.FAILED:
        return Outcome(kind=OutcomeKind.FAILED, reason=_joined(deployment.description, snapshot))
    kind = OutcomeKind.SUPERSEDED if deployment.phase is DeploymentPhase.REPLACED else OutcomeKind.STOPPED
    return Outcome(kind=kind, reason=deployment.description)


def _by_job(snapshot: Snapshot, course: Course) -> Outcome | None:
    if not snapshot.present:
        return Outcome(
            kind=OutcomeKind.STOPPED,
            reason="the job was purged; register it again (nomad job run), or remove its watch",
        )
    if snapshot.stopped:
        return Outcome(
            kind=OutcomeKind.STOPPED,
            reason="the job was stopped; run it again in Nomad, and updates continue",
        )
    if snapshot.stable:
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason="Nomad marked this version of the job as stable")
    if snapshot.launches_later:
        return Outcome(kind=OutcomeKind.NEXT_LAUNCH, reason="the job's next launch uses it")
    if snapshot.deployment is None and snapshot.index != course.current.index:
        reason = "somebody else registered the job again; the next check decides by the new specification"
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason=reason)
    return None


def _by_allocations(snapshot: Snapshot, patience: Patience, now: datetime) -> Outcome | None:
    """Jobs without a deployment: every desired allocation must run for the grace time, or complete if it is a batch."""
    if snapshot.deployment is not None or not snapshot.evaluated or snapshot.unplaced:
        return None
    if snapshot.desired == 0:
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason="the job specifies no allocation to run")
    # A lost allocation is a fault of its client and not of the image: Nomad places another.
    if any(each.status == "failed" for each in snapshot.allocations):
        return Outcome(kind=OutcomeKind.FAILED, reason=_joined("an allocation failed", snapshot))
    settled = [
        each
        for each in snapshot.allocations
        if (each.status == "complete" if snapshot.completes else (_runs_for(each, now) or 0.0) >= patience.grace)
    ]
    if len(settled) >= snapshot.desired:
        verb = "completed" if snapshot.completes else "run"
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason=f"all {snapshot.desired} allocations {verb}")
    return None


def _is_at_work(snapshot: Snapshot) -> bool:
    """Whether it is a job that runs to completion and still works: that may take any time."""
    return snapshot.completes and any(each.status == "running" for each in snapshot.allocations)


def _runs_for(allocation: AllocationState, now: datetime) -> float | None:
    """How long it has run, in seconds; None if it does not run."""
    if allocation.status != "running" or allocation.running_since is None:
        return None
    return now.timestamp() - allocation.running_since


def _graces(snapshot: Snapshot, patience: Patience, now: datetime) -> Iterator[float]:
    """The seconds until each running allocation has run for the grace time, for a job without a deployment."""
    if snapshot.deployment is None and not snapshot.completes:
        for allocation in snapshot.allocations:
            if (runs_for := _runs_for(allocation, now)) is not None and runs_for < patience.grace:
                yield patience.grace - runs_for


def _waiting(snapshot: Snapshot) -> str:
    deployment = snapshot.deployment
    if deployment is None:
        if _is_at_work(snapshot):
            return "waiting for the allocations to complete"
        return "waiting for allocations" if snapshot.evaluated else "waiting for Nomad's scheduler"
    if deployment.awaits_promotion:
        return f"{_canaries(deployment)}; waiting for promotion: promote or fail this rollout"
    if deployment.paused:
        return "the deployment is paused in Nomad"
    return f"{deployment.healthy} of {deployment.desired} allocations are healthy"


def _canaries(deployment: DeploymentState) -> str:
    verb = "is" if deployment.canaries == 1 else "are"
    return f"{min(deployment.healthy, deployment.canaries)} of {deployment.canaries} canaries {verb} healthy"


def _joined(message: str, snapshot: Snapshot) -> str:
    return "; ".join(part for part in (message, snapshot.unplaced, *snapshot.failures) if part)


def _stalled(message: str, snapshot: Snapshot) -> str:
    return _joined(f"{message}, so we no longer wait; check the job in Nomad, or deploy another tag", snapshot)


def _pace(age: float) -> float:
    """The pause before the next check: a tenth of the rollout's age, from 0.1 s to 5 s."""
    return min(5.0, max(0.1, age / 10))
