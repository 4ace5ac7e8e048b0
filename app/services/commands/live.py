"""What a registry says while a person waits: whether a tag is there, and which release leads. It stores nothing."""

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

CHECKING = 15.0  # seconds for asking the registry while a person waits
_FOLLOWING = Rule(pinned_tag="")  # the rule that a person asks for here, whatever the watch has now

_Answer = TypeVar("_Answer")


async def deploy_request(
    registries: RegistrySource, standing: CurrentRule, pinned_tag: str, *, origin: Origin, called: str = "pinned_tag"
) -> DeployRequest | None:
    """What the rule wants by the registry's own word; None when there is no release to follow yet.

    Raises Rejected (400) for a tag that is none or is not there, calling it as the person did; RegistryUnavailable or
    RegistryDenied.
    """
    tag = pinned_tag
    if pinned_tag == "":
        tag = await highest(registries, standing)
    if not tag:
        return None
    digest = await _asking(_digest(registries, standing.watch, _parsed(tag, called)))
    if not digest:
        raise Rejected(
            f"Error: The specified {called} {tag} is not inside the docker repository registry "
            f"{standing.watch.repository}: push it first, or choose one of the tags that GET /repos lists"
        )
    return DeployRequest(origin=origin, tag=tag, digest=digest, forced=origin is not Origin.RESET)


async def highest(registries: RegistrySource, standing: CurrentRule) -> str:
    """The highest release that the registry shows now; "" when it has none. Raises as `deploy_request` does."""
    return await _asking(_highest(registries, standing)) or ""


async def has_digest(registries: RegistrySource, watch: Watch, digest: str) -> bool:
    """Whether the registry still has that digest. Raises RegistryUnavailable or RegistryDenied."""
    return bool(await _asking(_digest(registries, watch, digest)))


async def has_tag(registries: RegistrySource, watch: Watch, tag: str) -> str:
    """The digest that the tag shows now, "" when there is no such tag. Raises as `has_digest`."""
    return await _asking(_digest(registries, watch, tag))


async def children(registries: RegistrySource, watch: Watch, digest: str) -> frozenset[str]:
    """The digests that an index lists. Raises as `has_digest`."""
    return await _asking(registries.children(watch.registry, watch.repository, digest))


async def _highest(registries: RegistrySource, standing: CurrentRule) -> str | None:
    watch = standing.watch
    try:
        tags = await registries.tags(watch.registry, watch.repository)
    except RepositoryNotFound:
        return None
    for tag in candidates(_FOLLOWING, tags, standing.running_tag):
        if await _digest(registries, watch, tag):
            return tag
    return None


async def _digest(registries: RegistrySource, watch: Watch, reference: str) -> str:
    try:
        return (await registries.manifest(watch.registry, watch.repository, reference)).digest
    except (TagNotFound, RepositoryNotFound):
        return ""


async def _asking(question: Awaitable[_Answer]) -> _Answer:
    """A silent registry must not keep a person waiting for ever."""
    try:
        async with asyncio.timeout(CHECKING):
            return await question
    except TimeoutError as error:
        raise RegistryUnavailable(
            f"the registry did not answer within {CHECKING:g} s; nothing was changed, ask again later"
        ) from error


def _parsed(tag: str, called: str) -> str:
    try:
        return parse_tag(tag)
    except InvalidReference as error:
        raise Rejected(f"Error: {called}: {error}") from error
