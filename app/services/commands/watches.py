"""Commands about watches: set a rule, deploy, reset, check, release a hold, pause and resume. Stores and wakes.

Everything is checked before anything changes. Nothing here waits for Nomad: a deploy is a row that a reconcile carries
out. This module decides nothing.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.domain.reasons import MAX_REASON, tidied
from app.domain.rollout import Origin
from app.errors import Rejected
from app.ports import Deployer, RegistrySource, Waker
from app.services.commands import live
from app.services.commands.live import NothingToFollow
from app.services.commands.rollout_commands import RolloutCommands
from app.services.commands.watch_commands import (
    Command,
    CommandResult,
    CurrentRule,
    DeployRequest,
    KnownRequest,
    WatchCommands,
)
from app.services.wakeup.wake import NOTIFY, RECONCILE

log = structlog.get_logger()

_WAKES_AT_ONCE = 500  # then the event loop serves others


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The stores and ports that commands work with."""

    watch_commands: WatchCommands
    rollout_commands: RolloutCommands
    registries: RegistrySource
    deployer: Deployer
    waker: Waker


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer for the person; `rollout_id` is the rollout that shows the progress."""

    message: str
    rollout_id: UUID | None = None


async def set_rule(
    operator: Operator,
    repo: str,
    *,
    by: str,
    reason: str = "",
    pinned_tag: str | None = None,
    auto_deploy: bool | None = None,
    idempotency_key: UUID | None = None,
) -> Reply:
    """Set the given parts of the rule. A pinned tag, "" included, deploys once, whatever the switch says.

    `by` is the actor, who may give a `reason`. `idempotency_key` becomes the rollout's id: the same command with the
    same key is answered with that rollout, and changes nothing. Raises Rejected (400) for an invalid value, and (409)
    if the key is the id of another job's rollout; RegistryUnavailable or RegistryDenied if the tag cannot be checked;
    StoreUnavailable. Nothing has changed then.
    """
    require_a_part(pinned_tag, auto_deploy)
    reason = checked_reason(reason)
    if known := await _known_reply(operator, repo, idempotency_key):
        return known
    current = await find(operator, repo)
    deploy_request: DeployRequest | NothingToFollow | None = None
    if pinned_tag is not None:
        deploy_request = await live.deploy_request(operator.registries, current, pinned_tag, origin=Origin.DEPLOY)
    command = Command(
        watch=repo,
        by=by,
        reason=reason,
        pinned_tag=pinned_tag,
        auto_deploy=auto_deploy,
        deploy_request=_requested(deploy_request),
        idempotency_key=idempotency_key,
    )
    result = await _execute(operator, command)
    if deploy_request is None:
        return Reply(message=f"Auto deployment set to {str(auto_deploy).lower()}")
    return _deploying(deploy_request, result)


async def reset(operator: Operator, repo: str, *, by: str, idempotency_key: UUID | None = None) -> Reply:
    """Follow releases and switch auto deploy on; deploy only if it does not run yet. As `set_rule` otherwise."""
    if known := await _known_reply(operator, repo, idempotency_key):
        return known
    current = await find(operator, repo)
    deploy_request = await live.deploy_request(operator.registries, current, "", origin=Origin.RESET)
    command = Command(
        watch=repo,
        by=by,
        pinned_tag="",
        auto_deploy=True,
        deploy_request=_requested(deploy_request),
        is_reset=True,
        idempotency_key=idempotency_key,
    )
    return _deploying(deploy_request, await _execute(operator, command))


async def redeploy(operator: Operator, repo: str, *, tag: str, by: str, idempotency_key: UUID | None = None) -> Reply:
    """Deploy a tag as the registry has it now, once, whatever runs; the rule and the switch stay as they are.

    As `set_rule` otherwise.
    """
    if known := await _known_reply(operator, repo, idempotency_key):
        return known
    deploy_request = await redeploy_request(operator, await find(operator, repo), tag)
    command = Command(watch=repo, by=by, deploy_request=deploy_request, idempotency_key=idempotency_key)
    return _deploying(deploy_request, await _execute(operator, command))


async def redeploy_request(operator: Operator, current: CurrentRule, tag: str) -> DeployRequest:
    """What a redeploy of the tag deploys, as the registry has it now. Raises as `redeploy`."""
    if not tag:
        raise Rejected(f"No tag of {current.watch.name} is named: name one of those that GET /repos lists")
    return await live.request_of_tag(operator.registries, current, tag, origin=Origin.DEPLOY, parameter="tag")


async def check(operator: Operator, repo: str, *, by: str) -> Reply:
    """Check the watch's job now. Raises Rejected (400) for an unknown watch, and StoreUnavailable."""
    target_id = await operator.watch_commands.check(repo, by=by)
    if target_id is None:
        raise unknown_watch(repo)
    operator.waker.wake(RECONCILE, str(target_id))
    return Reply(message=f"Checking {repo} now")


async def release_hold(operator: Operator, repo: str, *, by: str, reason: str = "") -> Reply:
    """Release every hold of the watch that waits for a person: a failed digest, a rollback, drift.

    Raises Rejected: 400 for an unknown watch, or a reason that is too long; 409 if there is no such hold; and
    StoreUnavailable.
    """
    released = await operator.watch_commands.release(repo, by=by, reason=checked_reason(reason))
    if released is None:
        raise unknown_watch(repo)
    if not released.messages:
        raise Rejected(
            f"No hold of {repo} waits for a release: {released.state or 'it was not checked yet'}; "
            f"POST /tags/{repo} deploys a tag manually",
            status=409,
        )
    log.info("hold.released", watch=repo, by=by, reason=reason, failed=released.failed)
    for target_id in released.due:
        operator.waker.wake(RECONCILE, str(target_id))
    return Reply(message="; ".join(released.messages))


async def switch(operator: Operator, *, paused: bool, by: str, reason: str = "") -> Reply:
    """Pause or resume all automatic deploys. Raises Rejected (400) for a reason that is too long; StoreUnavailable."""
    reason = checked_reason(reason)
    due = await operator.watch_commands.switch(paused=paused, by=by, reason=reason)
    state = "paused" if paused else "running"
    if due is None:
        kept = ", so this reason is not stored: the first one stands" if reason else ""
        return Reply(message=f"Everything is {state} already{kept}")
    log.info("switch.changed", paused=paused, by=by, reason=reason, due=len(due))
    for number, target_id in enumerate(due, start=1):
        operator.waker.wake(RECONCILE, str(target_id))
        if number % _WAKES_AT_ONCE == 0:
            await asyncio.sleep(0)
    return Reply(message=f"Everything is {state}")


async def desired_live(operator: Operator, repo: str) -> str | NothingToFollow:
    """The highest release that the registry has now. Raises as `set_rule` does."""
    current = await find(operator, repo)
    return await live.highest(operator.registries, current)


def following(nothing: NothingToFollow) -> str:
    """The answer to a person who lets a watch follow releases that the registry does not have."""
    return f"Following releases; {nothing.problem}"


def unknown_watch(repo: str) -> Rejected:
    """The answer to a name that is not configured."""
    return Rejected(
        f"Error: The specified repo name {repo[:200]!r} is not being watched: "
        "GET /repos lists the names, watched_repositories in the configuration adds one"
    )


def key_conflict(idempotency_key: UUID) -> Rejected:
    """The answer to an idempotency key that is already the id of another job's rollout."""
    return Rejected(
        f"{idempotency_key} is the id of another job's rollout, so nothing was done: reload the page, and try again",
        status=409,
    )


def checked_reason(reason: str) -> str:
    """The reason on one line; Rejected (400) if it is too long."""
    found = tidied(reason)
    if len(found) > MAX_REASON:
        raise Rejected(f"Error: reason has {len(found)} characters, over {MAX_REASON}: send a shorter one")
    return found


def require_a_part(pinned_tag: str | None, auto_deploy: bool | None) -> None:
    """Refuse (400) a command about a rule that names no part of it."""
    if pinned_tag is None and auto_deploy is None:
        raise Rejected("Either pinned_tag or auto_deploy must be specified: send one of them, or both")


async def find(operator: Operator, repo: str) -> CurrentRule:
    """The watch of that name. Raises Rejected (400) for an unknown one, and StoreUnavailable."""
    current = await operator.watch_commands.find(repo)
    if current is None:
        raise unknown_watch(repo)
    return current


async def _known_reply(operator: Operator, repo: str, idempotency_key: UUID | None) -> Reply | None:
    """The answer to a command that was given before, with the same key."""
    if idempotency_key is None:
        return None
    known = await operator.watch_commands.known_request(repo, idempotency_key)
    return known_reply(known, f"Deploying to {known.tag or known.what}") if known else None


def known_reply(known: KnownRequest, message: str) -> Reply:
    """The answer to a command whose key a request has already. Raises Rejected (409) when that is another job's."""
    if not known.same_target:
        raise key_conflict(known.rollout_id)
    return Reply(message=message, rollout_id=known.rollout_id)


async def _execute(operator: Operator, command: Command) -> CommandResult:
    result = await operator.watch_commands.execute(command)
    if result is None:
        raise unknown_watch(command.watch)
    if result.key_conflict and command.idempotency_key is not None:
        raise key_conflict(command.idempotency_key)
    log.info(
        "command.executed",
        watch=command.watch,
        by=command.by,
        reason=command.reason,
        pinned_tag=command.pinned_tag,
        auto_deploy=command.auto_deploy,
        rollout=str(result.rollout_id or ""),
    )
    operator.waker.wake(RECONCILE, str(result.target_id))
    for notification_delivery_id in result.notification_delivery_ids:
        operator.waker.wake(NOTIFY, str(notification_delivery_id))
    return result


def _requested(deploy_request: DeployRequest | NothingToFollow | None) -> DeployRequest | None:
    return deploy_request if isinstance(deploy_request, DeployRequest) else None


def _deploying(deploy_request: DeployRequest | NothingToFollow, result: CommandResult) -> Reply:
    if isinstance(deploy_request, NothingToFollow):
        return Reply(message=following(deploy_request))
    return Reply(message=f"Deploying to {deploy_request.tag}", rollout_id=result.rollout_id)
