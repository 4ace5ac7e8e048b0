"""Commands about a rollout: promote or fail its canaries, roll back. Stores the command and wakes.

Nothing here waits for Nomad: follow carries out a canary command, and a reconcile a rollback. A rollout's state is the
one that was followed last.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from app.domain.deployment import DeploymentPhase, DeploymentState
from app.domain.rollout import Origin, OutcomeKind
from app.domain.undo import Candidate, rolled_back_to
from app.errors import Rejected
from app.services.commands import live
from app.services.commands.rollout_commands import Destination, RevertibleItem, RevertibleRollout, Underway
from app.services.commands.watches import Operator, Reply, checked_reason, key_conflict, known_reply
from app.services.rollout.rollouts import CanaryCommand
from app.services.wakeup.wake import FOLLOW, NOTIFY, RECONCILE

log = structlog.get_logger()

_SUCCEEDED = (OutcomeKind.SUCCEEDED, OutcomeKind.NEXT_LAUNCH)


async def promote(operator: Operator, rollout_id: UUID, *, by: str) -> Reply:
    """Promote the canaries of a rollout that waits for it; `by` is the actor.

    Raises Rejected: 404 for an unknown rollout, 409 with the reason if there is nothing to promote; and
    StoreUnavailable.
    """
    found = await check_promote(operator, rollout_id)
    return await _command_canaries(operator, rollout_id, found, canary_command=CanaryCommand.PROMOTE, by=by)


async def fail(operator: Operator, rollout_id: UUID, *, by: str, reason: str = "") -> Reply:
    """Fail the Nomad deployment of a rollout; then it ends as after any failure, and its digest is held.

    Raises as `promote`, and Rejected (400) for a reason that is too long.
    """
    reason = checked_reason(reason)
    found = await check_fail(operator, rollout_id)
    return await _command_canaries(operator, rollout_id, found, canary_command=CanaryCommand.FAIL, by=by, reason=reason)


async def check_promote(operator: Operator, rollout_id: UUID) -> Underway:
    """The rollout, if its canaries can be promoted now or were already. Raises as `promote`, and changes nothing."""
    found = await _underway(operator, rollout_id)
    if found.canary_command is not CanaryCommand.PROMOTE and (
        reason := _not_promotable(_deployment(rollout_id, found))
    ):
        raise _refused(f"rollout {rollout_id} cannot be promoted: {reason}")
    return found


async def check_fail(operator: Operator, rollout_id: UUID) -> Underway:
    """The rollout, if its deployment can be failed now or was already. Raises as `promote`, and changes nothing."""
    found = await _underway(operator, rollout_id)
    if found.canary_command is not CanaryCommand.FAIL:
        _deployment(rollout_id, found)
    return found


async def rollback(
    operator: Operator, rollout_id: UUID, *, by: str, reason: str = "", idempotency_key: UUID | None = None
) -> Reply:
    """Roll back from the newest rollout of a job to what ran before it, or to what an earlier rollout deployed.

    `idempotency_key` becomes the id of the rollout that does this, as in `watches.set_rule`.
    The rule stays as it is; the watch is held until something newer appears. Raises Rejected: 400 for a reason that is
    too long, 404 for an unknown
    rollout, 409 with the reason if it cannot be rolled back; RegistryUnavailable or RegistryDenied if the registry
    does not say whether it still has the image; StoreUnavailable. Nothing has changed then.
    """
    reason = checked_reason(reason)
    if known := await _known_reply(operator, rollout_id, idempotency_key):
        return known
    revertible = await revertible_of(operator, rollout_id)
    if revertible.undoing:
        return Reply(message=f"Rolling back to {revertible.undoing}", rollout_id=revertible.undone_by_rollout)
    destinations = await destinations_of(operator, revertible)
    requested = await operator.rollout_commands.roll_back(
        revertible, destinations, by=by, reason=reason, idempotency_key=idempotency_key
    )
    if requested is not None and requested.key_conflict:
        raise key_conflict(requested.rollout_id)
    if requested is None:
        raise _refused(
            f"another rollout of the job was registered since rollout {rollout_id} was read: "
            "see GET /rollouts, and try again"
        )
    what = ", ".join(each.what for each in destinations)
    log.info("rollback.requested", by=by, undoes=str(revertible.newest), rollout=str(requested.rollout_id), what=what)
    operator.waker.wake(RECONCILE, str(revertible.target_id))
    for notification_delivery_id in requested.notification_delivery_ids:
        operator.waker.wake(NOTIFY, str(notification_delivery_id))
    message = "; ".join((f"Rolling back to {what}", *cautions(destinations)))
    return Reply(message=message, rollout_id=requested.rollout_id)


async def revertible_of(operator: Operator, rollout_id: UUID) -> RevertibleRollout:
    """The rollout to roll back from, or to. Raises Rejected (404) for an unknown one, and StoreUnavailable."""
    revertible = await operator.rollout_commands.revertible(rollout_id)
    if revertible is None:
        raise unknown_rollout()
    return revertible


async def destinations_of(operator: Operator, revertible: RevertibleRollout) -> list[Destination]:
    """What each of its watches rolls back to; the registry still has it. Raises as `rollback`."""
    destinations = _destinations(revertible)
    for each in destinations:
        if not await live.has_digest(operator.registries, each.watch, each.digest):
            raise _refused(
                f"the registry no longer has {each.what} ({each.watch.repository}@{each.digest}): "
                "push it again, or deploy one of the tags that GET /repos lists"
            )
    return destinations


def cautions(destinations: Sequence[Destination]) -> tuple[str, ...]:
    """What a person should know of a rollback before it starts."""
    failed = ", ".join(each.what for each in destinations if each.failed)
    return (f"{failed} failed on this job before, and a rollback that fails is not undone",) if failed else ()


def unknown_rollout() -> Rejected:
    """The answer to an id that no rollout has."""
    message = "no such rollout: the id is wrong, or it is older than the history kept; GET /rollouts lists the newest"
    return Rejected(message, status=404)


async def _known_reply(operator: Operator, rollout_id: UUID, idempotency_key: UUID | None) -> Reply | None:
    """The answer to a rollback that was requested before, with the same key."""
    if idempotency_key is None:
        return None
    known = await operator.rollout_commands.known_request(rollout_id, idempotency_key)
    return known_reply(known, f"Rolling back to {known.what}") if known else None


async def _underway(operator: Operator, rollout_id: UUID) -> Underway:
    found = await operator.rollout_commands.underway(rollout_id)
    if found is None:
        raise unknown_rollout()
    if found.outcome is not None:
        raise _ended(rollout_id, found.outcome)
    if not found.registered:
        raise _refused(f"rollout {rollout_id} is not registered with Nomad yet: try again once it is under way")
    return found


def _ended(rollout_id: UUID, outcome: OutcomeKind | None) -> Rejected:
    how = f" ({outcome.value.replace('_', ' ')})" if outcome else ""
    return _refused(f"rollout {rollout_id} has ended{how}: GET /rollouts lists those under way")


def _deployment(rollout_id: UUID, found: Underway) -> DeploymentState:
    deployment = found.deployment
    if deployment is None:
        raise _refused(
            f"rollout {rollout_id} has no Nomad deployment (yet), and only one can be promoted or failed: "
            f"try again later, or POST /rollouts/{rollout_id}/rollback"
        )
    if deployment.phase is not DeploymentPhase.ACTIVE:
        raise _refused(
            f"the Nomad deployment of rollout {rollout_id} has ended ({deployment.description}): "
            f"see GET /rollouts/{rollout_id} for how it ends"
        )
    return deployment


def _not_promotable(deployment: DeploymentState) -> str:
    """Why its canaries cannot be promoted, with the fix; "" if they can."""
    if deployment.awaits_promotion:
        return ""
    if deployment.canaries == 0:
        return "it has no canaries; it goes on by itself"
    if deployment.healthy < deployment.canaries:
        return (
            f"its canaries are not all healthy yet: {deployment.healthy} of {deployment.canaries}; "
            "try again when GET /rollouts says awaits_promotion"
        )
    return "its canaries do not wait for it (any more); it goes on by itself"


async def _command_canaries(
    operator: Operator,
    rollout_id: UUID,
    found: Underway,
    *,
    canary_command: CanaryCommand,
    by: str,
    reason: str = "",
) -> Reply:
    """The same command again gets the same answer."""
    if found.canary_command is not canary_command:
        if not await operator.rollout_commands.command_canaries(rollout_id, canary_command, by=by, reason=reason):
            raise _ended(rollout_id, None)
        log.info("canaries.commanded", rollout=str(rollout_id), canary_command=canary_command.value, by=by)
    operator.waker.wake(FOLLOW, str(rollout_id))
    doing = "Promoting the canaries of" if canary_command is CanaryCommand.PROMOTE else "Failing the deployment of"
    return Reply(message=f"{doing} {found.what}", rollout_id=rollout_id)


def _destinations(revertible: RevertibleRollout) -> list[Destination]:
    """What each watch of the rollout rolls back to; Rejected (409) with the fix if there is none."""
    if revertible.undone_by_rollout is not None and revertible.undone_by_us:
        raise _refused(
            f"rollout {revertible.rollout_id} failed, and rollout {revertible.undone_by_rollout} undid it already: "
            "to try the failed image again, deploy its tag by POST /tags/{repo}"
        )
    if revertible.undone_by_rollout is not None:
        raise _refused(
            f"rollout {revertible.rollout_id} was undone already, by rollout {revertible.undone_by_rollout}: "
            f"POST /rollouts/{revertible.undone_by_rollout}/rollback deploys it again"
        )
    if not revertible.registered:
        raise _refused(
            f"rollout {revertible.rollout_id} ({revertible.what}) was never registered with Nomad: "
            "choose one of GET /rollouts that was"
        )
    is_newest = revertible.rollout_id == revertible.newest
    if is_newest and revertible.origin is Origin.UNDO:
        raise _refused(
            f"rollout {revertible.rollout_id} ({revertible.what}) undid a failure, and before it ran the image that "
            "failed: choose an older one of GET /rollouts, or deploy a tag by POST /tags/{repo}"
        )
    if not is_newest and revertible.outcome not in _SUCCEEDED:
        raise _refused(
            f"rollout {revertible.rollout_id} ({revertible.what}) did not succeed: "
            "choose one of GET /rollouts that did, or the newest of the job"
        )
    found = [_destination(revertible, each, is_newest=is_newest) for each in revertible.items]
    if all(each.digest == item.running for each, item in zip(found, revertible.items, strict=True)):
        what = ", ".join(each.what for each in found)
        raise _refused(f"{what} already runs: deploy it by POST /tags/{{repo}} to start it again")
    return found


def _destination(revertible: RevertibleRollout, item: RevertibleItem, *, is_newest: bool) -> Destination:
    if item.watch is None:
        raise _refused(
            f"{item.name} left the configuration, or belongs to another job now: "
            "put it back into watched_repositories and repo_map, or deploy the other watches manually"
        )
    found = rolled_back_to(
        Candidate(tag=item.tag, digest=item.digest),
        Candidate(tag=item.from_tag, digest=item.from_digest),
        is_newest=is_newest,
    )
    if found is None:
        raise _refused(
            f"it is not known what {item.name} ran before rollout {revertible.rollout_id}: "
            "deploy a tag of GET /repos by POST /tags/{repo}"
        )
    former = item.former if item.former_digest == found.digest else {}
    return Destination(
        watch=item.watch, tag=found.tag, digest=found.digest, failed=found.digest in item.failed, former=former
    )


def _refused(message: str) -> Rejected:
    return Rejected(message, status=409)
