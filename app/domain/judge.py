"""Judges a rollout under way by one snapshot: wait, promote its canaries, register again, or its outcome. Pure."""

from collections.abc import Iterator
from datetime import datetime

from app.domain.deployment import AllocationState, DeploymentPhase, DeploymentState, Snapshot
from app.domain.rollout import Course, Lost, Outcome, OutcomeKind, Patience, Promote, Returning, Wait

Verdict = Wait | Promote | Lost | Outcome


def judge(snapshot: Snapshot, course: Course, *, patience: Patience, now: datetime) -> Verdict:
    """Decide from one snapshot whether the rollout has ended.

    Nomad's verdict comes first, then changes of the job, then the stall timer. An error of the API never ends a
    rollout, because there is no snapshot then. A registration that Nomad does not have (any more) is lost. Once Nomad
    reverts the job, the outcome is a failure, however the revert ends.
    """
    verdict = _judge(snapshot, course, patience, now)
    if course.returning is None:
        return Lost(note=_lost(snapshot, course)) if _is_lost(snapshot, course) else verdict
    if isinstance(verdict, Outcome):
        reason = _returned(course.returning, verdict)
        return Outcome(kind=OutcomeKind.FAILED, reason=reason, cause=course.returning.cause)
    if isinstance(verdict, Wait):
        return Wait(
            seconds=verdict.seconds, note=f"Nomad reverts to version {course.returning.version}: {verdict.note}"
        )
    return verdict


def _is_lost(snapshot: Snapshot, course: Course) -> bool:
    """Whether the job is older than our registration: the servers were restored from a snapshot that does not have it,
    or they answered without applying it. A deployment or a stable version of ours would show that they have it."""
    is_there = snapshot.deployment is not None or snapshot.stable or not course.submission.changed
    return snapshot.present and not is_there and snapshot.index < course.submission.index


def _lost(snapshot: Snapshot, course: Course) -> str:
    return (
        f"Nomad does not have this registration: it made index {course.submission.index}, and the job is at "
        f"{snapshot.index}; Nomad was restored from a snapshot, or did not apply it; it is registered again"
    )


def _judge(snapshot: Snapshot, course: Course, patience: Patience, now: datetime) -> Verdict:
    found = next((each for each in _verdicts(snapshot, course, patience, now) if each is not None), None)
    if found is not None:
        return found
    verdict: Verdict
    waited, age = (now - course.progressed_at).total_seconds(), (now - course.started_at).total_seconds()
    if _needs_a_person(snapshot):
        verdict = _waiting_for_a_person(snapshot, course, waited)
    elif waited > patience.stall_after and not _is_at_work(snapshot):
        verdict = _stalled(f"nothing changed for {waited:.0f} s", snapshot)
    elif age > patience.deadline:
        verdict = _stalled(f"not finished after {age:.0f} s", snapshot)
    else:
        timers = (patience.stall_after - waited, patience.deadline - age, *_graces(snapshot, course, patience, now))
        latest = min(max(_PLACEMENT_SOON, waited / 4), _PLACEMENT) if snapshot.lacks_placements else _LATEST
        seconds = max(_SOONEST, min(*timers, latest) + _AFTER_TIMER)
        verdict = Wait(seconds=seconds, note=_joined(snapshot.note, *_causes(snapshot)))
    if isinstance(verdict, Wait) and (snapshot.wait_index is None or _shows_nothing(snapshot)):
        return Wait(seconds=min(verdict.seconds, _pace(age)), note=verdict.note)
    return verdict


# Seconds. A timer is checked shortly after it has expired. Every rollout is checked after _LATEST at most.
_SOONEST, _LATEST, _AFTER_TIMER = 0.1, 300.0, 0.05
# A deployment that lacks placements does not move, so why they are missing is read on a clock of its own.
_PLACEMENT_SOON, _PLACEMENT = 2.0, 10.0


def _shows_nothing(snapshot: Snapshot) -> bool:
    """Whether there is nothing of ours but the job: it may have been read just before Nomad was restored, and the rest
    after that."""
    return snapshot.deployment is None and not snapshot.allocations


def _needs_a_person(snapshot: Snapshot) -> bool:
    """Whether Nomad itself waits for a person: that is no stall, however long it takes."""
    deployment = snapshot.deployment
    return deployment is not None and (deployment.awaits_promotion or deployment.paused)


def _waiting_for_a_person(snapshot: Snapshot, course: Course, waited: float) -> Wait | Promote:
    deployment = snapshot.deployment
    assert deployment is not None  # _needs_a_person has checked it
    if deployment.paused or course.promote_after is None:
        return Wait(seconds=_LATEST, note=_joined(snapshot.note, *_causes(snapshot)))
    left = course.promote_after - waited
    if left <= 0:
        return Promote(deployment_id=deployment.deployment_id)
    note = f"{deployment.healthy_canaries}; promoted once they were healthy for {course.promote_after:g} s"
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
    yield _by_allocations(snapshot, course, patience, now)


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
        if _was_not_placed(deployment, snapshot):
            return _not_placed(deployment, snapshot)
        return _failed(deployment.description, snapshot, reverted_to=deployment.reverted_to)
    kind = OutcomeKind.SUPERSEDED if deployment.phase is DeploymentPhase.REPLACED else OutcomeKind.STOPPED
    return Outcome(kind=kind, reason=deployment.description)


def _was_not_placed(deployment: DeploymentState, snapshot: Snapshot) -> bool:
    """Whether the deadline passed only because there was no place: every allocation that got one is healthy."""
    lacked = deployment.placed < deployment.desired and deployment.healthy >= deployment.placed
    return bool(snapshot.unplaced) and deployment.deadline_passed and deployment.unhealthy == 0 and lacked


def _not_placed(deployment: DeploymentState, snapshot: Snapshot) -> Outcome:
    """No failure of the image: nothing is held."""
    reverted = f"; Nomad reverted to version {deployment.reverted_to}" if deployment.reverted_to is not None else ""
    return Outcome(
        kind=OutcomeKind.STALLED,
        reason=f"{_joined(snapshot.unplaced, snapshot.note, deployment.description)}{reverted}; "
        "make room for it in Nomad, and it is deployed again; or deploy another tag",
        cause=snapshot.unplaced,
        reverted_to=deployment.reverted_to,
    )


def _failed(message: str, snapshot: Snapshot, *, reverted_to: int | None = None) -> Outcome:
    """A failure: the cause comes first, and Nomad's own `message`, which is the same for every cause, last."""
    reason = _joined(*_causes(snapshot), message)
    return Outcome(kind=OutcomeKind.FAILED, reason=reason, cause=_cause(snapshot), reverted_to=reverted_to)


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


def _by_allocations(snapshot: Snapshot, course: Course, patience: Patience, now: datetime) -> Outcome | None:
    """Jobs without a deployment: every desired allocation must run for the grace time, or complete if it is a batch."""
    if snapshot.deployment is not None or not snapshot.evaluated or snapshot.unplaced:
        return None
    if snapshot.desired == 0:
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason="the job specifies no allocation to run")
    # A lost allocation is a fault of its client and not of the image: Nomad places another.
    if any(each.status == "failed" for each in snapshot.allocations):
        return _failed("an allocation failed", snapshot)
    settled = [
        each
        for each in snapshot.allocations
        if (
            each.status == "complete" if snapshot.completes else (_runs_for(each, course, now) or 0.0) >= patience.grace
        )
    ]
    if len(settled) >= snapshot.desired:
        verb = "completed" if snapshot.completes else "run"
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason=f"all {snapshot.desired} allocations {verb}")
    return None


def _is_at_work(snapshot: Snapshot) -> bool:
    """Whether it is a job that runs to completion and still works: that may take any time."""
    return snapshot.completes and any(each.status == "running" for each in snapshot.allocations)


def _runs_for(allocation: AllocationState, course: Course, now: datetime) -> float | None:
    """For how many seconds we have seen it run; None if it does not run. Nomad's clock is not ours."""
    seen = course.running_since.get(allocation.allocation_id)
    return None if allocation.status != "running" or seen is None else (now - seen.at).total_seconds()


def _graces(snapshot: Snapshot, course: Course, patience: Patience, now: datetime) -> Iterator[float]:
    """The seconds until each running allocation has run for the grace time, for a job without a deployment."""
    if snapshot.deployment is None and not snapshot.completes:
        for allocation in snapshot.allocations:
            if (runs_for := _runs_for(allocation, course, now)) is not None and runs_for < patience.grace:
                yield patience.grace - runs_for


def _causes(snapshot: Snapshot) -> tuple[str, ...]:
    """Why it does not run, the likeliest cause first."""
    return (*snapshot.failures, snapshot.unplaced)


def _cause(snapshot: Snapshot) -> str:
    return next((each for each in _causes(snapshot) if each), "")


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _stalled(message: str, snapshot: Snapshot) -> Outcome:
    """We wait no longer. The cause comes first, then how far it came."""
    advice = f"{message}, so we no longer wait; check the job in Nomad, or deploy another tag"
    reason = _joined(*_causes(snapshot), snapshot.note, advice)
    return Outcome(kind=OutcomeKind.STALLED, reason=reason, cause=_cause(snapshot))


def _pace(age: float) -> float:
    """The pause before the next check: a tenth of the rollout's age, from 0.1 s to 5 s."""
    return min(5.0, max(0.1, age / 10))
