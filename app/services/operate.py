"""What people ask for: set a watch's rule, deploy, reset, look now, pause and resume. It stores the wish and rings.

Everything is checked before anything changes, and nothing here waits for Nomad: a deploy is a row that a look carries
out. What is decided is not said here.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

import structlog

from app.domain.reference import parse_tag
from app.domain.rollout import Origin
from app.domain.rule import Rule
from app.domain.watch import Watch
from app.errors import InvalidReference, RegistryUnavailable, Rejected, RepositoryNotFound, TagNotFound
from app.ports import Doorbell, RegistrySource
from app.services.ringing import ANNOUNCE, LOOK

log = structlog.get_logger()

CHECKING = 15.0  # seconds for asking the registry while a person waits
_PASSED_OVER = 6  # release tags without a manifest, before giving up
_RINGS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A watch and its rule as they stand. `running_tag` is the highest release that runs, if any."""

    watch: Watch
    pinned_tag: str
    auto_deploy: bool
    running_tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A deploy that a person asked for; `forced` False leaves alone what already runs it."""

    origin: Origin
    tag: str
    digest: str
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A person's word about one watch; None leaves that part of the rule as it is. `by` is who spoke."""

    watch: str
    by: str
    pinned_tag: str | None = None
    auto_deploy: bool | None = None
    errand: Errand | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What a word led to: the target that is due by it, the rollout that brings it, and notices to send."""

    target_id: int
    rollout_id: UUID | None = None
    notice_ids: tuple[int, ...] = ()


class Rules(Protocol):
    """The store of what people asked for. All methods raise StoreUnavailable."""

    async def find(self, name: str) -> Standing | None:
        """The watch of that name; None when it is not configured (any more)."""
        ...

    async def speak(self, word: Word) -> Spoken | None:
        """Write the word in one transaction: the rule, its rollout, its notices, and that the target is due.

        An active rollout ends as superseded, unless it is this very errand: then its id is returned. What people asked
        for other watches of the target and was not registered yet goes along. None when the watch went meanwhile.
        """
        ...

    async def check(self, name: str) -> int | None:
        """Make the watch's target due, thoroughly, and return it; None when there is no such watch."""
        ...

    async def switch(self, *, paused: bool, by: str) -> Sequence[int] | None:
        """Pause or resume everything; the targets that are due by it, None when it was so already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What operating works with."""

    rules: Rules
    registries: RegistrySource
    doorbell: Doorbell


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to tell the person; `rollout_id` is the rollout that tells how it goes."""

    message: str
    rollout_id: UUID | None = None


async def set_rule(
    operator: Operator, repo: str, *, by: str, pinned_tag: str | None = None, auto_deploy: bool | None = None
) -> Reply:
    """Set the rule's parts that are given; a pinned tag, "" included, deploys once whatever the switch says.

    Raises Rejected (400) for what cannot be, RegistryUnavailable or RegistryDenied when the tag cannot be checked, and
    StoreUnavailable; nothing has changed then.
    """
    if pinned_tag is None and auto_deploy is None:
        raise Rejected("Either pinned_tag or auto_deploy must be specified.")
    standing = await _find(operator, repo)
    errand = None
    if pinned_tag is not None:
        errand = await _errand(operator, standing, pinned_tag, origin=Origin.DEPLOY)
    word = Word(watch=repo, by=by, pinned_tag=pinned_tag, auto_deploy=auto_deploy, errand=errand)
    spoken = await _speak(operator, word)
    if pinned_tag is None:
        return Reply(message=f"Auto deployment set to {str(auto_deploy).lower()}")
    return _deploying(errand, spoken)


async def reset(operator: Operator, repo: str, *, by: str) -> Reply:
    """Follow releases and switch auto deploy on, always; deploy only what does not run yet. Raises as `set_rule`."""
    standing = await _find(operator, repo)
    errand = await _errand(operator, standing, "", origin=Origin.RESET)
    spoken = await _speak(operator, Word(watch=repo, by=by, pinned_tag="", auto_deploy=True, errand=errand))
    return _deploying(errand, spoken)


async def check(operator: Operator, repo: str) -> Reply:
    """Look at the watch's job now. Raises Rejected (400) for an unknown watch, and StoreUnavailable."""
    target_id = await operator.rules.check(repo)
    if target_id is None:
        raise unknown(repo)
    operator.doorbell.ring(LOOK, str(target_id))
    return Reply(message=f"Checking {repo} now")


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
    standing = await _find(operator, repo)
    return await _asking(_highest(operator, standing)) or ""


def unknown(repo: str) -> Rejected:
    """The answer to a name that nobody configured."""
    return Rejected(
        f"Error: The specified repo name {repo[:200]!r} is not being watched: "
        "GET /repos lists the names, watched_repositories in the configuration adds one"
    )


async def _find(operator: Operator, repo: str) -> Standing:
    standing = await operator.rules.find(repo)
    if standing is None:
        raise unknown(repo)
    return standing


async def _errand(operator: Operator, standing: Standing, pinned_tag: str, *, origin: Origin) -> Errand | None:
    """What the rule wants by the registry's own word; None when there is no release to follow yet."""
    tag: str | None = pinned_tag
    if pinned_tag == "":
        tag = await _asking(_highest(operator, standing))
    if not tag:
        return None
    digest = await _asking(_digest(operator, standing.watch, _parsed(tag)))
    if not digest:
        raise Rejected(
            f"Error: The specified pinned_tag {tag} is not inside the docker repository registry "
            f"{standing.watch.repository}: push it first, or choose one of the tags that GET /repos lists"
        )
    return Errand(origin=origin, tag=tag, digest=digest, forced=origin is not Origin.RESET)


async def _highest(operator: Operator, standing: Standing) -> str | None:
    watch = standing.watch
    try:
        tags = set(await operator.registries.tags(watch.registry, watch.repository))
    except RepositoryNotFound:
        return None
    for _ in range(_PASSED_OVER):
        tag = Rule().select(tags, standing.running_tag)
        if tag is None or await _digest(operator, watch, tag):
            return tag
        tags.remove(tag)
    return None


async def _digest(operator: Operator, watch: Watch, tag: str) -> str:
    try:
        return (await operator.registries.manifest(watch.registry, watch.repository, tag)).digest
    except (TagNotFound, RepositoryNotFound):
        return ""


_Answer = TypeVar("_Answer")


async def _asking(question: Awaitable[_Answer]) -> _Answer:
    """A silent registry must not keep a person waiting for ever."""
    try:
        async with asyncio.timeout(CHECKING):
            return await question
    except TimeoutError as error:
        raise RegistryUnavailable(f"the registry did not answer within {CHECKING:g} s; nothing was changed") from error


def _parsed(tag: str) -> str:
    try:
        return parse_tag(tag)
    except InvalidReference as error:
        raise Rejected(f"Error: pinned_tag: {error}") from error


async def _speak(operator: Operator, word: Word) -> Spoken:
    spoken = await operator.rules.speak(word)
    if spoken is None:
        raise unknown(word.watch)
    log.info(
        "word.spoken",
        watch=word.watch,
        by=word.by,
        pinned_tag=word.pinned_tag,
        auto_deploy=word.auto_deploy,
        rollout=str(spoken.rollout_id or ""),
    )
    operator.doorbell.ring(LOOK, str(spoken.target_id))
    for notice_id in spoken.notice_ids:
        operator.doorbell.ring(ANNOUNCE, str(notice_id))
    return spoken


def _deploying(errand: Errand | None, spoken: Spoken) -> Reply:
    if errand is None:
        return Reply(message="Following releases; the registry has no release tag (X.Y.Z, with or without v) yet")
    return Reply(message=f"Deploying to {errand.tag}", rollout_id=spoken.rollout_id)
