"""One short check of a rollout under way: read Nomad, judge, and then wait for a change or end the rollout.

A wait is many short checks, each started by its own message; it holds no thread. An error of the API never ends a
rollout.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from app.domain.deployment import Diagnosis, RunningSince, Snapshot
from app.domain.judge import judge
from app.domain.rollout import Course, Lost, Outcome, OutcomeKind, Patience, Promote, Returning, Wait
from app.domain.undo import can_undo
from app.errors import JobRejected, Permanent, StoreUnavailable, Transient, Unforeseen
from app.ports import Deployer, Waker
from app.services.processes.loops import described, is_cancelled
from app.services.reconcile.backoff import after_lost
from app.services.rollout.rollouts import CanaryCommand, LeasedRollout, Pause, Rollouts
from app.services.rollout.wait_for_change import EXTENSION, ChangeWaiter
from app.services.wakeup.wake import FOLLOW, NOTIFY, RECONCILE

log = structlog.get_logger()

_AFTER_ERROR = 2.0
_AFTER_UNFORESEEN = 60.0
_SOON = 0.1
_REVERT_COMES_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """The parts and times that following uses; `lease` is in seconds."""

    rollouts: Rollouts
    deployer: Deployer
    waker: Waker
    waiter: ChangeWaiter
    patience: Patience
    lease: float


async def follow(follower: Follower, rollout_id: UUID) -> bool:
    """Check the rollout if it is due and its lease is free; returns whether that was so.

    Raises StoreUnavailable, and Unforeseen after it was noted on the rollout.
    """
    rollout = await follower.rollouts.claim(rollout_id, follower.lease)
    if rollout is None:
        return False
    try:
        await _apply_canary_command(follower, rollout)
        snapshot = await follower.deployer.observe(
            rollout.place, rollout.course.current, deployment_id=rollout.deployment_id
        )
        await _judge(follower, rollout, snapshot)
    except StoreUnavailable:
        raise
    except (Transient, Permanent) as error:
        pause = max(_AFTER_ERROR, (error.retry_after or 0.0) if isinstance(error, Transient) else 0.0)
        await _wait(follower, rollout, Wait(seconds=pause, note=str(error)), None)
    except (Exception, asyncio.CancelledError) as error:
        if is_cancelled():
            raise
        age = (rollout.now - rollout.course.started_at).total_seconds()
        pause = min(max(_AFTER_ERROR, age / 10), _AFTER_UNFORESEEN)
        unforeseen = Unforeseen(described(error))
        await _wait(follower, rollout, Wait(seconds=pause, note=str(unforeseen)), None)
        raise unforeseen from error  # the worker logs it, and reports a step that fails at each try
    return True


async def _judge(follower: Follower, rollout: LeasedRollout, snapshot: Snapshot) -> None:
    course = _followed(rollout, snapshot)
    verdict = judge(snapshot, course, patience=follower.patience, now=rollout.now)
    if isinstance(verdict, Promote):
        await follower.deployer.promote(rollout.place, verdict.deployment_id)
        log.info("rollout.promoted", **_named(rollout), by="soak time")
        verdict = Wait(seconds=_SOON, note="its canaries were promoted")
    if isinstance(verdict, Wait):
        await _wait(follower, rollout, verdict, snapshot)
    elif isinstance(verdict, Lost):
        await _register_again(follower, rollout, verdict)
    elif verdict.kind is OutcomeKind.FAILED and course.returning is None:
        await _failed(follower, rollout, snapshot, verdict)
    elif verdict.kind is OutcomeKind.STALLED:
        await _end(follower, rollout, verdict, snapshot, diagnosis=await _diagnose(follower, rollout))
    elif not (verdict.kind is OutcomeKind.SUPERSEDED and await _followed_on(follower, rollout)):
        await _end(follower, rollout, verdict, snapshot)


def _followed(rollout: LeasedRollout, snapshot: Snapshot) -> Course:
    """The rollout's course with what the snapshot shows."""
    course = rollout.course
    moved = snapshot.progress != rollout.progress
    return replace(
        course,
        progressed_at=rollout.now if moved else course.progressed_at,
        running_since=_running_since(rollout, snapshot),
    )


def _running_since(rollout: LeasedRollout, snapshot: Snapshot) -> Mapping[str, RunningSince]:
    """Only a job without deployments needs it: else Nomad itself says what is healthy."""
    return {} if snapshot.deployment else snapshot.running_since(rollout.course.running_since, rollout.now)


async def _followed_on(follower: Follower, rollout: LeasedRollout) -> bool:
    """Go on with the version that replaced ours, if it still carries our patch: then it is the same rollout."""
    if rollout.course.returning is not None or rollout.patch is None:
        return False
    successor = await follower.deployer.find_successor(rollout.place, rollout.course.submission, rollout.patch)
    if successor is None:
        return False
    await follower.rollouts.follow_successor(rollout, successor)
    log.info("rollout.successor_followed", **_named(rollout), index=successor.index)
    follower.waker.wake(FOLLOW, str(rollout.rollout_id))
    return True


async def _register_again(follower: Follower, rollout: LeasedRollout, lost: Lost) -> None:
    """Let the next reconcile register the rollout again, unless the rule desires something else by then."""
    seconds = after_lost(rollout.attempts)
    if await follower.rollouts.register_again(rollout, note=lost.note, seconds=seconds):
        log.warning("rollout.registration_lost", **_named(rollout), seconds=seconds, problem=lost.note)
        follower.waker.wake(RECONCILE, str(rollout.target_id), delay=seconds)


async def _apply_canary_command(follower: Follower, rollout: LeasedRollout) -> None:
    """Promote or fail the canaries as a person asked. A command that Nomad refuses is logged and not tried again."""
    if rollout.canary_command is None or not rollout.deployment_id:
        return
    act = follower.deployer.promote if rollout.canary_command is CanaryCommand.PROMOTE else follower.deployer.fail
    try:
        await act(rollout.place, rollout.deployment_id)
    except JobRejected as error:
        log.warning(
            "canary_command.refused",
            **_named(rollout),
            canary_command=rollout.canary_command,
            problem=str(error),
        )
    else:
        log.info("canary_command.applied", **_named(rollout), canary_command=rollout.canary_command)
    await follower.rollouts.canary_command_done(rollout)


async def _failed(follower: Follower, rollout: LeasedRollout, snapshot: Snapshot, outcome: Outcome) -> None:
    """Diagnose the failure; then follow Nomad's own revert, or end the rollout with an undo."""
    deployment, submission = snapshot.deployment, rollout.course.submission
    version = deployment.reverted_to if deployment else None
    if version is not None:
        back = await follower.deployer.find_auto_revert(rollout.place, submission)
        waited = (rollout.now - rollout.course.progressed_at).total_seconds()
        if back is None and waited < _REVERT_COMES_WITHIN:
            await _wait(follower, rollout, Wait(seconds=0.5, note=f"Nomad reverts to version {version}"), snapshot)
            return
        if back is not None:
            diagnosis = await _diagnose(follower, rollout)
            failed = outcome.explained(diagnosis)
            returning = Returning(submission=back, version=version, reason=failed.reason, cause=failed.cause)
            await follower.rollouts.follow_revert(rollout, returning, diagnosis)
            log.info("rollout.revert_followed", **_named(rollout), version=version, reason=outcome.reason)
            follower.waker.wake(FOLLOW, str(rollout.rollout_id))
            return
    undo = can_undo(reverted_to=version, completes=snapshot.completes)
    await _end(follower, rollout, outcome, snapshot, diagnosis=await _diagnose(follower, rollout), undo=undo)


async def _diagnose(follower: Follower, rollout: LeasedRollout) -> Diagnosis:
    """Why it failed, as far as Nomad says. The rollout ends even if there is no diagnosis."""
    try:
        return await follower.deployer.diagnose(rollout.place, rollout.course.submission)
    except (Transient, Permanent) as error:
        log.warning("rollout.diagnosis_failed", **_named(rollout), problem=str(error))
        return Diagnosis()


async def _end(
    follower: Follower,
    rollout: LeasedRollout,
    outcome: Outcome,
    snapshot: Snapshot,
    *,
    diagnosis: Diagnosis | None = None,
    undo: bool = False,
) -> None:
    if diagnosis is not None:
        outcome = outcome.explained(diagnosis)
    ended = await follower.rollouts.end(rollout, outcome, snapshot, diagnosis=diagnosis, undo=undo)
    log.info("rollout.ended", **_named(rollout), outcome=outcome.kind.value, reason=outcome.reason)
    for target_id in ended.due:
        follower.waker.wake(RECONCILE, str(target_id))
    for notification_delivery_id in ended.notification_delivery_ids:
        follower.waker.wake(NOTIFY, str(notification_delivery_id))


async def _wait(follower: Follower, rollout: LeasedRollout, wait: Wait, snapshot: Snapshot | None) -> None:
    wait_index = snapshot.wait_index if snapshot else None
    pause = Pause(
        seconds=wait.seconds if wait_index is None else min(wait.seconds, EXTENSION),
        note=wait.note,
        progress=snapshot.progress if snapshot else rollout.progress,
        deployment=snapshot.deployment if snapshot else None,
        running_since=_running_since(rollout, snapshot) if snapshot else rollout.course.running_since,
    )
    notifications = await follower.rollouts.wait(rollout, pause)
    if wait_index is None or wait.seconds <= _SOON:
        follower.waker.wake(FOLLOW, str(rollout.rollout_id), delay=wait.seconds)
    else:
        follower.waiter.begin(rollout.rollout_id, rollout.place, wait_index, within=wait.seconds)
    for notification_delivery_id in notifications:
        follower.waker.wake(NOTIFY, str(notification_delivery_id))


def _named(rollout: LeasedRollout) -> Mapping[str, object]:
    """What each line of the log says of a rollout: its id, and the repositories and tags that it deploys."""
    return {"rollout": str(rollout.rollout_id), "what": list(rollout.what)}
