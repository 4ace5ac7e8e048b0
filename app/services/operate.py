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
from app.ports import Deployer, Doorbell, RegistrySource
from app.services import live
from app.services.ringing import LOOK, NOTIFY
from app.services.steering import Steering
from app.services.word import Errand, Rules, Spoken, Standing, Word

log = structlog.get_logger()

NO_RELEASE = "Following releases; the registry has no release tag (X.Y.Z, with or without v) yet"

_RINGS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What operating works with."""

    rules: Rules
    steering: Steering
    registries: RegistrySource
    deployer: Deployer
    doorbell: Doorbell


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
    once: UUID | None = None,
) -> Reply:
    """Set the rule's parts that are given; a pinned tag, "" included, deploys once whatever the switch says.

    `once` becomes the rollout's id: asked again with the same, it is answered with that rollout, and nothing changes.
    Raises Rejected (400) for what cannot be, and (409) for an id of another job's rollout; RegistryUnavailable or
    RegistryDenied when the tag cannot be checked, and StoreUnavailable; nothing has changed then.
    """
    require_a_part(pinned_tag, auto_deploy)
    if again := await _asked(operator, repo, once):
        return again
    standing = await find(operator, repo)
    errand = None
    if pinned_tag is not None:
        errand = await live.errand(operator.registries, standing, pinned_tag, origin=Origin.DEPLOY)
    word = Word(watch=repo, by=by, pinned_tag=pinned_tag, auto_deploy=auto_deploy, errand=errand, once=once)
    spoken = await _speak(operator, word)
    if pinned_tag is None:
        return Reply(message=f"Auto deployment set to {str(auto_deploy).lower()}")
    return _deploying(errand, spoken)


async def reset(operator: Operator, repo: str, *, by: str, once: UUID | None = None) -> Reply:
    """Follow releases and switch auto deploy on, always; deploy only what does not run yet. As `set_rule` otherwise."""
    if again := await _asked(operator, repo, once):
        return again
    standing = await find(operator, repo)
    errand = await live.errand(operator.registries, standing, "", origin=Origin.RESET)
    word = Word(watch=repo, by=by, pinned_tag="", auto_deploy=True, errand=errand, is_reset=True, once=once)
    return _deploying(errand, await _speak(operator, word))


async def redeploy(operator: Operator, repo: str, *, tag: str, by: str, once: UUID | None = None) -> Reply:
    """Deploy a tag as the registry has it now, once, whatever runs; the rule and the switch stay as they are.

    As `set_rule` otherwise.
    """
    if again := await _asked(operator, repo, once):
        return again
    errand = await once_more(operator, await find(operator, repo), tag)
    return _deploying(errand, await _speak(operator, Word(watch=repo, by=by, errand=errand, once=once)))


async def once_more(operator: Operator, standing: Standing, tag: str) -> Errand | None:
    """What a redeploy of the tag brings, by the registry's own word. Raises as `redeploy`."""
    if not tag:
        raise Rejected(f"No tag of {standing.watch.name} is named: name one of those that GET /repos lists")
    return await live.errand(operator.registries, standing, tag, origin=Origin.DEPLOY, called="tag")


async def check(operator: Operator, repo: str, *, by: str) -> Reply:
    """Look at the watch's job now. Raises Rejected (400) for an unknown watch, and StoreUnavailable."""
    target_id = await operator.rules.check(repo, by=by)
    if target_id is None:
        raise unknown(repo)
    operator.doorbell.ring(LOOK, str(target_id))
    return Reply(message=f"Checking {repo} now")


async def release_hold(operator: Operator, repo: str, *, by: str) -> Reply:
    """Let go what holds the watch back until a person speaks: a failed digest, a rollback, a change made outside.

    Raises Rejected: 400 for an unknown watch, 409 where nothing of the kind holds it; and StoreUnavailable.
    """
    released = await operator.rules.release(repo, by=by)
    if released is None:
        raise unknown(repo)
    if not released.told:
        raise Rejected(
            f"Nothing of {repo} is held back until it is released: {released.state or 'it was not looked at yet'}; "
            f"POST /tags/{repo} deploys a tag by hand",
            status=409,
        )
    log.info("hold.released", watch=repo, by=by, failed=released.failed)
    for target_id in released.due:
        operator.doorbell.ring(LOOK, str(target_id))
    return Reply(message="; ".join(released.told))


async def switch(operator: Operator, *, paused: bool, by: str) -> Reply:
    """Pause or resume all automatic deploys. Raises StoreUnavailable."""
    due = await operator.rules.switch(paused=paused, by=by)
    state = "paused" if paused else "running"
    if due is None:
        return Reply(message=f"Everything is {state} already")
    log.info("switch.turned", paused=paused, by=by, due=len(due))
    for number, target_id in enumerate(due, start=1):
        operator.doorbell.ring(LOOK, str(target_id))
        if number % _RINGS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return Reply(message=f"Everything is {state}")


async def wanted_live(operator: Operator, repo: str) -> str:
    """The highest release that the registry shows now; "" when it has none. Raises as `set_rule` does."""
    standing = await find(operator, repo)
    return await live.highest(operator.registries, standing)


def unknown(repo: str) -> Rejected:
    """The answer to a name that nobody configured."""
    return Rejected(
        f"Error: The specified repo name {repo[:200]!r} is not being watched: "
        "GET /repos lists the names, watched_repositories in the configuration adds one"
    )


def taken(once: UUID) -> Rejected:
    """The answer to an id that is to be a rollout's, and is that of another job's already."""
    return Rejected(
        f"{once} is the id of another job's rollout, so nothing was done: open the page anew, and ask again", status=409
    )


def require_a_part(pinned_tag: str | None, auto_deploy: bool | None) -> None:
    """Refuse (400) a word about a rule that names no part of it."""
    if pinned_tag is None and auto_deploy is None:
        raise Rejected("Either pinned_tag or auto_deploy must be specified: send one of them, or both")


async def find(operator: Operator, repo: str) -> Standing:
    """The watch of that name. Raises Rejected (400) for an unknown one, and StoreUnavailable."""
    standing = await operator.rules.find(repo)
    if standing is None:
        raise unknown(repo)
    return standing


async def _asked(operator: Operator, repo: str, once: UUID | None) -> Reply | None:
    """The answer to a word that was said before, under the same id."""
    asked = await operator.rules.asked(repo, once) if once is not None else None
    if asked is None:
        return None
    if not asked.here:
        raise taken(asked.rollout_id)
    return Reply(message=f"Deploying to {asked.tag or asked.what}", rollout_id=asked.rollout_id)


async def _speak(operator: Operator, word: Word) -> Spoken:
    spoken = await operator.rules.speak(word)
    if spoken is None:
        raise unknown(word.watch)
    if spoken.taken and word.once is not None:
        raise taken(word.once)
    log.info(
        "word.spoken",
        watch=word.watch,
        by=word.by,
        pinned_tag=word.pinned_tag,
        auto_deploy=word.auto_deploy,
        rollout=str(spoken.rollout_id or ""),
    )
    operator.doorbell.ring(LOOK, str(spoken.target_id))
    for notification_delivery_id in spoken.notification_delivery_ids:
        operator.doorbell.ring(NOTIFY, str(notification_delivery_id))
    return spoken


def _deploying(errand: Errand | None, spoken: Spoken) -> Reply:
    if errand is None:
        return Reply(message=NO_RELEASE)
    return Reply(message=f"Deploying to {errand.tag}", rollout_id=spoken.rollout_id)
