"""Registry answers for a person who waits: which digest a tag has, and which release is the highest. Stores nothing."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

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


async def deploy_request(
    registries: RegistrySource, current: CurrentRule, pinned_tag: str, *, origin: Origin, parameter: str = "pinned_tag"
) -> DeployRequest | None:
    """The tag and digest that the rule desires, as the registry has them now; None if there is no release to follow.

    Raises Rejected (400) for an invalid or missing tag, named as the request's `parameter`; RegistryUnavailable or
    RegistryDenied.
    """
    tag = pinned_tag
    if pinned_tag == "":
        tag = await highest(registries, current)
    if not tag:
        return None
    digest = await _in_time(_digest(registries, current.watch, _parsed(tag, parameter)))
    if not digest:
        raise Rejected(
            f"Error: The specified {parameter} {tag} is not inside the docker repository registry "
            f"{current.watch.repository}: push it first, or choose one of the tags that GET /repos lists"
        )
    return DeployRequest(origin=origin, tag=tag, digest=digest, forced=origin is not Origin.RESET)


async def highest(registries: RegistrySource, current: CurrentRule) -> str:
    """The highest release that the registry has now; "" if it has none. Raises as `deploy_request` does."""
    return await _in_time(_highest(registries, current)) or ""


async def has_digest(registries: RegistrySource, watch: Watch, digest: str) -> bool:
    """Whether the registry still has that digest. Raises RegistryUnavailable or RegistryDenied."""
    return bool(await _in_time(_digest(registries, watch, digest)))


async def digest_of(registries: RegistrySource, watch: Watch, tag: str) -> str:
    """The digest that the tag has now, "" if there is no such tag. Raises as `has_digest`."""
    return await _in_time(_digest(registries, watch, tag))


async def children(registries: RegistrySource, watch: Watch, digest: str) -> frozenset[str]:
    """The digests that an index lists. Raises as `has_digest`."""
    return await _in_time(registries.children(watch.registry, watch.repository, digest))


async def _highest(registries: RegistrySource, current: CurrentRule) -> str | None:
    watch = current.watch
    try:
        tags = await registries.tags(watch.registry, watch.repository)
    except RepositoryNotFound:
        return None
    for tag in candidates(_FOLLOW_RELEASES, tags, current.specified_tag):
        if await _digest(registries, watch, tag):
            return tag
    return None


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
