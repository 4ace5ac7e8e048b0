"""What people ask for: set a rule, deploy, reset, look now, let go, pause and resume. It stores the wish and rings.

Everything is checked before anything changes, and nothing here waits for Nomad: a deploy is a row that a look carries
out. What is decided is not said here.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.domain.rollout import Origin
from app.errors import Rejected
from app.ports import Deployer, RegistrySource, Waker
from app.services.commands import live
from app.services.commands.rollout_commands import RolloutCommands
from app.services.commands.watch_commands import Command, CommandResult, CurrentRule, DeployRequest, WatchCommands
from app.services.wakeup.wake import NOTIFY, RECONCILE

log = structlog.get_logger()

NO_RELEASE = "Following releases; the registry has no release tag (X.Y.Z, with or without v) yet"

_RINGS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What operating works with."""

    watch_commands: WatchCommands
    rollout_commands: RolloutCommands
    registries: RegistrySource
    deployer: Deployer
    waker: Waker


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to tell the person; `rollout_id` is the rollout that tells how it goes."""

    message: str
    rollout_id: UUID | None = None


async def set_rule(
    operator: Operator,
    repo: str,
    *,
    by: str,
    pinned_tag: str | None = None,
    auto_deploy: bool | None = None,
    idempotency_key: UUID | None = None,
) -> Reply:
    """Set the rule's parts that are given; a pinned tag, "" included, deploys once whatever the switch says.

    `idempotency_key` becomes the rollout's id: asked again with the same, it is answered with that rollout, and nothing
    changes. Raises Rejected (400) for what cannot be, and (409) for an id of another job's rollout; RegistryUnavailable
    or RegistryDenied when the tag cannot be checked, and StoreUnavailable; nothing has changed then.
    """
    require_a_part(pinned_tag, auto_deploy)
    if again := await _asked(operator, repo, idempotency_key):
        return again
    standing = await find(operator, repo)
    deploy_request = None
    if pinned_tag is not None:
        deploy_request = await live.deploy_request(operator.registries, standing, pinned_tag, origin=Origin.DEPLOY)
    word = Command(
        watch=repo,
        by=by,
        pinned_tag=pinned_tag,
        auto_deploy=auto_deploy,
        deploy_request=deploy_request,
        idempotency_key=idempotency_key,
    )
    commanded = await _execute(operator, word)
    if pinned_tag is None:
        return Reply(message=f"Auto deployment set to {str(auto_deploy).lower()}")
    return _deploying(deploy_request, commanded)


async def reset(operator: Operator, repo: str, *, by: str, idempotency_key: UUID | None = None) -> Reply:
    """Follow releases and switch auto deploy on, always; deploy only what does not run yet. As `set_rule` otherwise."""
    if again := await _asked(operator, repo, idempotency_key):
        return again
    standing = await find(operator, repo)
    deploy_request = await live.deploy_request(operator.registries, standing, "", origin=Origin.RESET)
    word = Command(
        watch=repo,
        by=by,
        pinned_tag="",
        auto_deploy=True,
        deploy_request=deploy_request,
        is_reset=True,
        idempotency_key=idempotency_key,
    )
    return _deploying(deploy_request, await _execute(operator, word))


async def redeploy(operator: Operator, repo: str, *, tag: str, by: str, idempotency_key: UUID | None = None) -> Reply:
    """Deploy a tag as the registry has it now, once, whatever runs; the rule and the switch stay as they are.

    As `set_rule` otherwise.
    """
    if again := await _asked(operator, repo, idempotency_key):
        return again
    deploy_request = await redeploy_request(operator, await find(operator, repo), tag)
    return _deploying(
        deploy_request,
        await _execute(
            operator, Command(watch=repo, by=by, deploy_request=deploy_request, idempotency_key=idempotency_key)
        ),
    )


async def redeploy_request(operator: Operator, standing: CurrentRule, tag: str) -> DeployRequest | None:
    """What a redeploy of the tag brings, by the registry's own word. Raises as `redeploy`."""
    if not tag:
        raise Rejected(f"No tag of {standing.watch.name} is named: name one of those that GET /repos lists")
    return await live.deploy_request(operator.registries, standing, tag, origin=Origin.DEPLOY, called="tag")


async def check(operator: Operator, repo: str, *, by: str) -> Reply:
    """Look at the watch's job now. Raises Rejected (400) for an unknown watch, and StoreUnavailable."""
    target_id = await operator.watch_commands.check(repo, by=by)
    if target_id is None:
        raise unknown(repo)
    operator.waker.wake(RECONCILE, str(target_id))
    return Reply(message=f"Checking {repo} now")


async def release_hold(operator: Operator, repo: str, *, by: str) -> Reply:
    """Let go what holds the watch back until a person speaks: a failed digest, a rollback, a change made outside.

    Raises Rejected: 400 for an unknown watch, 409 where nothing of the kind holds it; and StoreUnavailable.
    """
    released = await operator.watch_commands.release(repo, by=by)
    if released is None:
        raise unknown(repo)
    if not released.messages:
        raise Rejected(
            f"Nothing of {repo} is held back until it is released: {released.state or 'it was not looked at yet'}; "
            f"POST /tags/{repo} deploys a tag by hand",
            status=409,
        )
    log.info("hold.released", watch=repo, by=by, failed=released.failed)
    for target_id in released.due:
        operator.waker.wake(RECONCILE, str(target_id))
    return Reply(message="; ".join(released.messages))


async def switch(operator: Operator, *, paused: bool, by: str) -> Reply:
    """Pause or resume all automatic deploys. Raises StoreUnavailable."""
    due = await operator.watch_commands.switch(paused=paused, by=by)
    state = "paused" if paused else "running"
    if due is None:
        return Reply(message=f"Everything is {state} already")
    log.info("switch.turned", paused=paused, by=by, due=len(due))
    for number, target_id in enumerate(due, start=1):
        operator.waker.wake(RECONCILE, str(target_id))
        if number % _RINGS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return Reply(message=f"Everything is {state}")


async def desired_live(operator: Operator, repo: str) -> str:
    """The highest release that the registry shows now; "" when it has none. Raises as `set_rule` does."""
    standing = await find(operator, repo)
    return await live.highest(operator.registries, standing)


def unknown(repo: str) -> Rejected:
    """The answer to a name that nobody configured."""
    return Rejected(
        f"Error: The specified repo name {repo[:200]!r} is not being watched: "
        "GET /repos lists the names, watched_repositories in the configuration adds one"
    )


def taken(idempotency_key: UUID) -> Rejected:
    """The answer to an id that is to be a rollout's, and is that of another job's already."""
    return Rejected(
        f"{idempotency_key} is the id of another job's rollout, so nothing was done: open the page anew, and ask again",
        status=409,
    )


def require_a_part(pinned_tag: str | None, auto_deploy: bool | None) -> None:
    """Refuse (400) a word about a rule that names no part of it."""
    if pinned_tag is None and auto_deploy is None:
        raise Rejected("Either pinned_tag or auto_deploy must be specified: send one of them, or both")


async def find(operator: Operator, repo: str) -> CurrentRule:
    """The watch of that name. Raises Rejected (400) for an unknown one, and StoreUnavailable."""
    standing = await operator.watch_commands.find(repo)
    if standing is None:
        raise unknown(repo)
    return standing


async def _asked(operator: Operator, repo: str, idempotency_key: UUID | None) -> Reply | None:
    """The answer to a word that was said before, under the same id."""
    asked = await operator.watch_commands.known_request(repo, idempotency_key) if idempotency_key is not None else None
    if asked is None:
        return None
    if not asked.same_target:
        raise taken(asked.rollout_id)
    return Reply(message=f"Deploying to {asked.tag or asked.what}", rollout_id=asked.rollout_id)


async def _execute(operator: Operator, word: Command) -> CommandResult:
    commanded = await operator.watch_commands.execute(word)
    if commanded is None:
        raise unknown(word.watch)
    if commanded.key_conflict and word.idempotency_key is not None:
        raise taken(word.idempotency_key)
    log.info(
        "word.spoken",
        watch=word.watch,
        by=word.by,
        pinned_tag=word.pinned_tag,
        auto_deploy=word.auto_deploy,
        rollout=str(commanded.rollout_id or ""),
    )
    operator.waker.wake(RECONCILE, str(commanded.target_id))
    for notification_delivery_id in commanded.notification_delivery_ids:
        operator.waker.wake(NOTIFY, str(notification_delivery_id))
    return commanded


def _deploying(deploy_request: DeployRequest | None, commanded: CommandResult) -> Reply:
    if deploy_request is None:
        return Reply(message=NO_RELEASE)
    return Reply(message=f"Deploying to {deploy_request.tag}", rollout_id=commanded.rollout_id)
