"""The rule that chooses a tag: follow the highest release, or stay on a pinned tag. Pure; it reads no registry.

What a watch desires follows from its rule, its registry's tags and its running tag: `candidates` for whoever can ask
the registry, `desired_tag` for whoever reads what is stored.

Release tags and their order: Semantic Versioning 2.0.0, section 11; a leading `v` is spelling, no part of the version.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from semver import Version

_RELEASE = re.compile(r"(v?)((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))", re.ASCII)
_LONGEST = 128  # characters of a tag; Python refuses to read a number of thousands
_WITHOUT_MANIFEST = 6  # releases without a manifest that are passed over before giving up
_COMMIT_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release tag: the version, and whether it is spelled with a leading `v`."""

    version: Version
    with_v: bool
    tag: str


def release(tag: str | None) -> Release | None:
    """Read a tag as a release: `X.Y.Z` with or without `v`, no pre-release, no build part; None for any other tag."""
    match = _RELEASE.fullmatch(tag) if tag and len(tag) <= _LONGEST else None
    if match is None:
        return None
    return Release(version=Version.parse(match[2]), with_v=bool(match[1]), tag=match[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`pinned_tag` "" follows the highest release; any other value stays on that tag."""

    pinned_tag: str = ""

    @property
    def follows_releases(self) -> bool:
        """Whether the highest release is wanted, rather than one tag."""
        return self.pinned_tag == ""

    def select(self, tags: Iterable[str], running_tag: str | None = None) -> str | None:
        """The wanted tag among `tags`, or None when none matches.

        Following releases, only the spelling of the running tag counts (with or without `v`); where what runs is no
        release, `v` counts if any release tag has it.
        """
        if not self.follows_releases:
            return self.pinned_tag if self.pinned_tag in set(tags) else None
        found = highest_release(tags, running_tag)
        return found.tag if found else None


def candidates(
    rule: Rule, tags: Iterable[str], running_tag: str | None, *, unlisted: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The tags that the rule may desire, best first: the first of them that has a manifest is the desired one.

    A list of tags may hold a release that is not linked yet or is gone; such releases are passed over, but not without
    end. `unlisted` are tags that the list lacks and that events name: they do not count towards that end, so that made
    up events cannot hide what is there.
    """
    left = {*tags, *unlisted}
    for _ in range(_WITHOUT_MANIFEST + len(unlisted)):
        tag = rule.select(left, running_tag)
        if tag is None:
            return
        yield tag
        left.remove(tag)


def desired_tag(
    rule: Rule, tags: Iterable[str], running_tag: str | None, *, resolved: str | None, requested: str | None = None
) -> str:
    """The tag that a watch desires as far as it is stored; "" when there is none.

    A pinned tag is desired whether the registry has it or not. `resolved` is what the last reconcile found, None when a
    command came after it. `requested` is the tag of an open rollout that a person asked for, None without one.
    """
    if not rule.follows_releases:
        return rule.pinned_tag
    if resolved is not None:
        return resolved
    if requested is not None:
        return requested
    return rule.select(tags, running_tag) or ""


def highest_release(tags: Iterable[str], running_tag: str | None = None) -> Release | None:
    """The highest release of `tags` in the spelling that counts for `running_tag`, or None."""
    releases = [found for found in map(release, tags) if found is not None]
    running = release(running_tag)
    with_v = running.with_v if running else any(each.with_v for each in releases)
    return _highest(each for each in releases if each.with_v == with_v)


def highest_of(tags: Iterable[str]) -> Release | None:
    """The highest release of `tags` in any spelling, or None: among what runs, the one that counts."""
    return _highest(found for found in map(release, tags) if found is not None)


def highest_tag(tags: Iterable[str]) -> str | None:
    """The tag of `highest_of`: the running tag of a watch whose tasks run `tags`."""
    found = highest_of(tags)
    return found.tag if found else None


def _highest(releases: Iterable[Release]) -> Release | None:
    return max(releases, key=lambda each: each.version, default=None)


def arranged(tags: Iterable[str]) -> list[str]:
    """All tags as a person picks from them: releases, the highest first; then others by name; commit ids last."""
    releases: list[Release] = []
    others: list[str] = []
    commits: list[str] = []
    for tag in tags:
        found = release(tag)
        if found is not None:
            releases.append(found)
        else:
            (others if listed(tag) else commits).append(tag)
    releases.sort(key=lambda each: (each.version, each.with_v), reverse=True)
    return [*(each.tag for each in releases), *sorted(others), *sorted(commits)]


def listed(tag: str) -> bool:
    """Whether `/repos` lists the tag: a tag that contains a 40-digit commit id is left out (as before)."""
    return _COMMIT_ID.search(tag) is None
