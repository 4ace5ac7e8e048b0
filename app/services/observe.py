"""One short look at a rollout that is under way: read Nomad, judge, and say what to wait for, or that it is over.

Waiting is many short looks, each its own message; no thread is held. An error of the API never ends a rollout.
"""

from dataclasses import dataclass
from uuid import UUID

import structlog

from app.domain.job import Diagnosis, Snapshot
from app.domain.judging import judge
from app.domain.rollout import Course, Outcome, OutcomeKind, Patience, Promote, Returning, Wait
from app.domain.undo import takes_back
from app.errors import JobRejected, Permanent, StoreUnavailable, Transient
from app.ports import Deployer, Doorbell
from app.services.followed import Followed, Halt, Rollouts, Wish
from app.services.ringing import LOOK, NOTIFY, OBSERVE
from app.services.vigil import KEPT, Vigil

log = structlog.get_logger()

_AFTER_ERROR = 2.0
_SOON = 0.1
_REVERT_COMES_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """What observing works with."""

    rollouts: Rollouts
    deployer: Deployer
    doorbell: Doorbell
    vigil: Vigil
    patience: Patience
    lease: float


async def observe(observer: Observer, rollout_id: UUID) -> bool:
    """Look at the rollout once, if it is due and nobody else is at it; returns whether that was so.

    Raises StoreUnavailable.
    """
    followed = await observer.rollouts.claim(rollout_id, observer.lease)
    if followed is None:
        return False
    try:
        await _carry_out(observer, followed)
        snapshot = await observer.deployer.observe(
            followed.place, followed.course.current, deployment_id=followed.deployment_id
        )
        await _judge(observer, followed, snapshot)
    except StoreUnavailable:
        raise
    except (Transient, Permanent) as error:
        pause = max(_AFTER_ERROR, (error.retry_after or 0.0) if isinstance(error, Transient) else 0.0)
        await _wait(observer, followed, Wait(seconds=pause, note=str(error)), None)
    return True


async def _judge(observer: Observer, followed: Followed, snapshot: Snapshot) -> None:
    course = followed.course
    if snapshot.progress != followed.progress:
        course = Course(
            submission=course.submission,
            started_at=course.started_at,
            moved_at=followed.now,
            returning=course.returning,
            promote_after=course.promote_after,
        )
    verdict = judge(snapshot, course, patience=observer.patience, now=followed.now)
    if isinstance(verdict, Promote):
        await observer.deployer.promote(followed.place, verdict.deployment_id)
        log.info("rollout.promoted", rollout=str(followed.rollout_id), by="its soak time")
        verdict = Wait(seconds=_SOON, note="its canaries are promoted")
    if isinstance(verdict, Wait):
        await _wait(observer, followed, verdict, snapshot)
    elif verdict.kind is OutcomeKind.FAILED and course.returning is None:
        await _failed(observer, followed, snapshot, verdict)
    elif verdict.kind is OutcomeKind.STALLED:
        await _end(observer, followed, verdict, diagnosis=await _diagnose(observer, followed))
    else:
        await _end(observer, followed, verdict)


async def _carry_out(observer: Observer, followed: Followed) -> None:
    """Promote or fail the canaries as a person wished; what Nomad refuses is written down, and not tried again."""
    if followed.wish is None or not followed.deployment_id:
        return
    act = observer.deployer.promote if followed.wish is Wish.PROMOTE else observer.deployer.fail
    try:
        await act(followed.place, followed.deployment_id)
    except JobRejected as error:
        log.warning("rollout.wish_refused", rollout=str(followed.rollout_id), wish=followed.wish, problem=str(error))
    else:
        log.info("rollout.wish_granted", rollout=str(followed.rollout_id), wish=followed.wish)
    await observer.rollouts.granted(followed)


async def _failed(observer: Observer, followed: Followed, snapshot: Snapshot, outcome: Outcome) -> None:
    """Find out why; then follow Nomad's own way back, or go back ourselves."""
    deployment, submission = snapshot.deployment, followed.course.submission
    version = deployment.reverted_to if deployment else None
    if version is not None:
        back = await observer.deployer.returned(followed.place, submission)
        waited = (followed.now - followed.course.moved_at).total_seconds()
        if back is None and waited < _REVERT_COMES_WITHIN:
            await _wait(observer, followed, Wait(seconds=0.5, note=f"Nomad goes back to version {version}"), snapshot)
            return
        if back is not None:
            returning = Returning(submission=back, version=version, reason=outcome.reason)
            diagnosis = await _diagnose(observer, followed)
            await observer.rollouts.turn_back(followed, returning, diagnosis)
            log.info("rollout.returning", rollout=str(followed.rollout_id), version=version, reason=outcome.reason)
            observer.doorbell.ring(OBSERVE, str(followed.rollout_id))
            return
    undo = takes_back(reverted_to=version, runs_to_completion=snapshot.runs_to_completion)
    await _end(observer, followed, outcome, diagnosis=await _diagnose(observer, followed), undo=undo)


async def _diagnose(observer: Observer, followed: Followed) -> Diagnosis:
    """Why it failed, as far as Nomad tells: not knowing must not keep the rollout from its end."""
    try:
        return await observer.deployer.diagnose(followed.place, followed.course.submission)
    except (Transient, Permanent) as error:
        log.warning("rollout.not_diagnosed", rollout=str(followed.rollout_id), problem=str(error))
        return Diagnosis()


async def _end(
    observer: Observer,
    followed: Followed,
    outcome: Outcome,
    *,
    diagnosis: Diagnosis | None = None,
    undo: bool = False,
) -> None:
    ended = await observer.rollouts.end(followed, outcome, diagnosis=diagnosis, undo=undo)
    log.info("rollout.ended", rollout=str(followed.rollout_id), outcome=outcome.kind.value, reason=outcome.reason)
    for target_id in ended.due:
        observer.doorbell.ring(LOOK, str(target_id))
    for notification_delivery_id in ended.notification_delivery_ids:
        observer.doorbell.ring(NOTIFY, str(notification_delivery_id))


async def _wait(observer: Observer, followed: Followed, wait: Wait, snapshot: Snapshot | None) -> None:
    wait_index = snapshot.wait_index if snapshot else None
    halt = Halt(
        seconds=wait.seconds if wait_index is None else min(wait.seconds, KEPT),
        note=wait.note,
        progress=snapshot.progress if snapshot else followed.progress,
        deployment=snapshot.deployment if snapshot else None,
    )
    notifications = await observer.rollouts.wait(followed, halt)
    if wait_index is None or wait.seconds <= _SOON:
        observer.doorbell.ring(OBSERVE, str(followed.rollout_id), delay=wait.seconds)
    else:
        observer.vigil.begin(followed.rollout_id, followed.place, wait_index, within=wait.seconds)
    for notification_delivery_id in notifications:
        observer.doorbell.ring(NOTIFY, str(notification_delivery_id))
