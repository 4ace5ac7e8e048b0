"""What people ask of a rollout: promote or fail its canaries, go back from it. It stores the word and rings.

Nothing here waits for Nomad: observing carries a wish out, a look the way back. What a rollout is like, is as its last
look left it.
"""

from uuid import UUID

import structlog

from app.domain.deployment import DeploymentPhase, DeploymentState
from app.domain.rollout import OutcomeKind
from app.domain.undo import Candidate, rolled_back_to
from app.errors import Rejected
from app.services.commands import live
from app.services.commands.rollout_commands import Destination, RevertibleItem, RevertibleRollout, Underway
from app.services.commands.watches import Operator, Reply, taken
from app.services.rollout.rollouts import CanaryCommand
from app.services.wakeup.wake import FOLLOW, NOTIFY, RECONCILE

log = structlog.get_logger()

_DONE = (OutcomeKind.SUCCEEDED, OutcomeKind.NEXT_LAUNCH)


async def promote(operator: Operator, rollout_id: UUID, *, by: str) -> Reply:
    """Promote the canaries of a rollout that waits for it.

    Raises Rejected: 404 for an unknown rollout, 409 with the reason where there is nothing to promote; and
    StoreUnavailable.
    """
    found = await _underway(operator, rollout_id)
    if found.canary_command is not CanaryCommand.PROMOTE and (
        reason := _not_to_promote(_deployment(rollout_id, found))
    ):
        raise _refused(f"rollout {rollout_id} cannot be promoted: {reason}")
    return await _wish(operator, rollout_id, found, canary_command=CanaryCommand.PROMOTE, by=by)


async def fail(operator: Operator, rollout_id: UUID, *, by: str) -> Reply:
    """Fail the Nomad deployment of a rollout; what becomes of it then is as after any failure. Raises as `promote`."""
    found = await _underway(operator, rollout_id)
    if found.canary_command is not CanaryCommand.FAIL:
        _deployment(rollout_id, found)
    return await _wish(operator, rollout_id, found, canary_command=CanaryCommand.FAIL, by=by)


async def rollback(operator: Operator, rollout_id: UUID, *, by: str, idempotency_key: UUID | None = None) -> Reply:
    """Go back: from the newest rollout of a job to what ran before it, or to what an earlier one brought.

    `idempotency_key` becomes the id of the rollout that does, as in `operate.set_rule`.
    The rule stays as it is, and holds until something newer appears. Raises Rejected: 404 for an unknown rollout, 409
    with the reason where there is nothing to go back to; RegistryUnavailable or RegistryDenied when the registry does
    not tell whether it still has it, and StoreUnavailable. Nothing has changed then.
    """
    asked = (
        await operator.rollout_commands.known_request(rollout_id, idempotency_key)
        if idempotency_key is not None
        else None
    )
    if asked is not None:
        if not asked.same_target:
            raise taken(asked.rollout_id)
        return Reply(message=f"Going back to {asked.what}", rollout_id=asked.rollout_id)
    past = await revertible_of(operator, rollout_id)
    if past.undoing:
        return Reply(message=f"Going back to {past.undoing}", rollout_id=past.undone_by_rollout)
    destinations = await destinations_of(operator, past)
    gone = await operator.rollout_commands.roll_back(past, destinations, by=by, idempotency_key=idempotency_key)
    if gone is not None and gone.key_conflict:
        raise taken(gone.rollout_id)
    if gone is None:
        raise _refused(
            f"another rollout of the job was registered since rollout {rollout_id} was read: "
            "see GET /rollouts, and ask again"
        )
    what = ", ".join(each.what for each in destinations)
    log.info("rollback.asked", by=by, undoes=str(past.newest), rollout=str(gone.rollout_id), what=what)
    operator.waker.wake(RECONCILE, str(past.target_id))
    for notification_delivery_id in gone.notification_delivery_ids:
        operator.waker.wake(NOTIFY, str(notification_delivery_id))
    return Reply(message=f"Going back to {what}", rollout_id=gone.rollout_id)


async def revertible_of(operator: Operator, rollout_id: UUID) -> RevertibleRollout:
    """The rollout to go back from, or to. Raises Rejected (404) for an unknown one, and StoreUnavailable."""
    past = await operator.rollout_commands.revertible(rollout_id)
    if past is None:
        raise unknown_rollout()
    return past


async def destinations_of(operator: Operator, past: RevertibleRollout) -> list[Destination]:
    """What each of its watches goes back to, and the registry still has. Raises as `rollback`."""
    destinations = _destinations(past)
    for each in destinations:
        if not await live.has_digest(operator.registries, each.watch, each.digest):
            raise _refused(
                f"the registry no longer has {each.what} ({each.watch.repository}@{each.digest}): "
                "push it again, or deploy one of the tags that GET /repos lists"
            )
    return destinations


def unknown_rollout() -> Rejected:
    """The answer to an id that no rollout has."""
    message = "no such rollout: the id is wrong, or it is older than the history kept; GET /rollouts lists the newest"
    return Rejected(message, status=404)


async def _underway(operator: Operator, rollout_id: UUID) -> Underway:
    found = await operator.rollout_commands.underway(rollout_id)
    if found is None:
        raise unknown_rollout()
    if found.outcome is not None:
        raise _over(rollout_id, found.outcome)
    if not found.registered:
        raise _refused(f"rollout {rollout_id} is not registered with Nomad yet: ask again once it is under way")
    return found


def _over(rollout_id: UUID, outcome: OutcomeKind | None) -> Rejected:
    how = f" ({outcome.value.replace('_', ' ')})" if outcome else ""
    return _refused(f"rollout {rollout_id} is over{how}: GET /rollouts lists those under way")


def _deployment(rollout_id: UUID, found: Underway) -> DeploymentState:
    deployment = found.deployment
    if deployment is None:
        raise _refused(
            f"rollout {rollout_id} has no Nomad deployment (yet), and only one can be promoted or failed: "
            f"ask again later, or POST /rollouts/{rollout_id}/rollback"
        )
    if deployment.phase is not DeploymentPhase.ACTIVE:
        raise _refused(
            f"the Nomad deployment of rollout {rollout_id} is over ({deployment.description}): "
            f"see GET /rollouts/{rollout_id} for how it ends"
        )
    return deployment


def _not_to_promote(deployment: DeploymentState) -> str:
    """Why its canaries cannot be promoted, with the mend; "" when they can."""
    if deployment.awaits_promotion:
        return ""
    if deployment.canaries == 0:
        return "it has no canaries; it goes on by itself"
    if deployment.healthy < deployment.canaries:
        return (
            f"its canaries are not all healthy yet: {deployment.healthy} of {deployment.canaries}; "
            "ask again when GET /rollouts says awaits_promotion"
        )
    return "its canaries do not wait for it (any more); it goes on by itself"


async def _wish(
    operator: Operator, rollout_id: UUID, found: Underway, *, canary_command: CanaryCommand, by: str
) -> Reply:
    """The same wish again is the same answer."""
    if found.canary_command is not canary_command:
        if not await operator.rollout_commands.command_canaries(rollout_id, canary_command, by=by):
            raise _over(rollout_id, None)
        log.info("rollout.wished", rollout=str(rollout_id), canary_command=canary_command.value, by=by)
    operator.waker.wake(FOLLOW, str(rollout_id))
    doing = "Promoting the canaries of" if canary_command is CanaryCommand.PROMOTE else "Failing the deployment of"
    return Reply(message=f"{doing} {found.what}", rollout_id=rollout_id)


def _destinations(past: RevertibleRollout) -> list[Destination]:
    """What each watch of the rollout goes back to; Rejected (409) with the mend where there is none."""
    if past.undone_by_rollout is not None:
        raise _refused(
            f"rollout {past.rollout_id} was taken back already, by rollout {past.undone_by_rollout}: "
            f"POST /rollouts/{past.undone_by_rollout}/rollback brings it again"
        )
    if not past.registered:
        raise _refused(
            f"rollout {past.rollout_id} ({past.what}) was never registered with Nomad, so nothing came of it: "
            "name one of GET /rollouts that was"
        )
    is_newest = past.rollout_id == past.newest
    if not is_newest and past.outcome not in _DONE:
        raise _refused(
            f"rollout {past.rollout_id} ({past.what}) did not succeed, so it is nothing to go back to: "
            "name one of GET /rollouts that did, or the newest of the job"
        )
    found = [_destination(past, each, is_newest=is_newest) for each in past.items]
    if all(each.digest == brought.running for each, brought in zip(found, past.items, strict=True)):
        what = ", ".join(each.what for each in found)
        raise _refused(f"{what} already runs: deploy it by POST /tags/{{repo}} to have it started again")
    return found


def _destination(past: RevertibleRollout, brought: RevertibleItem, *, is_newest: bool) -> Destination:
    if brought.watch is None:
        raise _refused(
            f"{brought.name} left the configuration, or is of another job now: "
            "put it back into watched_repositories and repo_map, or deploy the other watches by hand"
        )
    found = rolled_back_to(
        Candidate(tag=brought.tag, digest=brought.digest),
        Candidate(tag=brought.from_tag, digest=brought.from_digest),
        is_newest=is_newest,
    )
    if found is None:
        raise _refused(
            f"it is not known what {brought.name} ran before rollout {past.rollout_id}: "
            "deploy a tag of GET /repos by POST /tags/{repo}"
        )
    former = brought.former if brought.former_digest == found.digest else {}
    return Destination(watch=brought.watch, tag=found.tag, digest=found.digest, former=former)


def _refused(message: str) -> Rejected:
    return Rejected(message, status=409)
