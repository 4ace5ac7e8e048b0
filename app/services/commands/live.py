"""Registry answers for a person who waits: which digest a tag has, and which release is the highest. Stores nothing."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from app.domain.left_out import TagList, no_release
from app.domain.reference import parse_tag
from app.domain.rollout import Origin
from app.domain.rule import Rule, candidates
from app.domain.watch import Watch
from app.errors import InvalidReference, RegistryUnavailable, Rejected, RepositoryNotFound, TagNotFound
from app.ports import RegistrySource
from app.services.commands.watch_commands import CurrentRule, DeployRequest

ANSWER_WITHIN = 15.0  # seconds that a person waits for the registry at most
_FOLLOW_RELEASES = Rule(pinned_tag="")  # the rule that the person asks for here, whatever the watch has now

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToFollow:
    """The registry has no release to follow; `problem` says what it has instead, with the fix."""

    problem: str


async def deploy_request(
    registries: RegistrySource, current: CurrentRule, pinned_tag: str, *, origin: Origin
) -> DeployRequest | NothingToFollow:
    """The tag and digest that the rule desires, as the registry has them now.

    Raises as `request_of_tag`.
    """
    tag: str | NothingToFollow = pinned_tag or await highest(registries, current)
    if isinstance(tag, NothingToFollow):
        return tag
    return await request_of_tag(registries, current, tag, origin=origin)


async def request_of_tag(
    registries: RegistrySource, current: CurrentRule, tag: str, *, origin: Origin, parameter: str = "pinned_tag"
) -> DeployRequest:
    """The tag and its digest, as the registry has it now.

    Raises Rejected (400) for an invalid or missing tag, named as the request's `parameter`; RegistryUnavailable or
    RegistryDenied.
    """
    digest = await _in_time(_digest(registries, current.watch, _parsed(tag, parameter)))
    if not digest:
        raise Rejected(
            f"Error: The specified {parameter} {tag} is not inside the docker repository registry "
            f"{current.watch.repository}: push it first, or choose one of the tags that GET /repos lists"
        )
    return DeployRequest(origin=origin, tag=tag, digest=digest, forced=origin is not Origin.RESET)


async def highest(registries: RegistrySource, current: CurrentRule) -> str | NothingToFollow:
    """The highest release that the registry has now. Raises as `deploy_request` does."""
    return await _in_time(_highest(registries, current))


async def has_digest(registries: RegistrySource, watch: Watch, digest: str) -> bool:
    """Whether the registry still has that digest. Raises RegistryUnavailable or RegistryDenied."""
    return bool(await _in_time(_digest(registries, watch, digest)))


async def digest_of(registries: RegistrySource, watch: Watch, tag: str) -> str:
    """The digest that the tag has now, "" if there is no such tag. Raises as `has_digest`."""
    return await _in_time(_digest(registries, watch, tag))


async def children(registries: RegistrySource, watch: Watch, digest: str) -> frozenset[str]:
    """The digests that an index lists. Raises as `has_digest`."""
    return await _in_time(registries.children(watch.registry, watch.repository, digest))


async def _highest(registries: RegistrySource, current: CurrentRule) -> str | NothingToFollow:
    watch, rule, spelling = current.watch, _FOLLOW_RELEASES, current.specified_tag
    missing: list[str] = []
    try:
        tags = await registries.tags(watch.registry, watch.repository)
    except RepositoryNotFound:
        listed = TagList(tags=(), repository_exists=False)
    else:
        for tag in candidates(rule, tags, spelling):
            if await _digest(registries, watch, tag):
                return tag
            missing.append(tag)
        is_cut = rule.select(set(tags) - set(missing), spelling) is not None
        listed = TagList(tags=tags, without_manifest=tuple(missing), is_cut=is_cut)
    return NothingToFollow(problem=no_release(listed, str(watch.repository), spelling))


async def _digest(registries: RegistrySource, watch: Watch, reference: str) -> str:
    try:
        return (await registries.manifest(watch.registry, watch.repository, reference)).digest
    except (TagNotFound, RepositoryNotFound):
        return ""


async def _in_time(answer: Awaitable[_Answer]) -> _Answer:
    """A registry that does not answer must not keep a person waiting without end."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return await answer
    except TimeoutError as error:
        raise RegistryUnavailable(
            f"the registry did not answer within {ANSWER_WITHIN:g} s; nothing was changed, ask again later"
        ) from error


def _parsed(tag: str, parameter: str) -> str:
    try:
        return parse_tag(tag)
    except InvalidReference as error:
        raise Rejected(f"Error: {parameter}: {error}") from error
