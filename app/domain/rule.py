"""The rule that chooses a tag: follow the highest release, or stay on a pinned tag. Pure; it reads no registry.

The desired tag of a watch follows from its rule, its registry's tags and its running tag. Code that can ask the
registry uses `candidates`; code that reads stored values uses `desired_tag`.

Release tags and their order: Semantic Versioning 2.0.0, section 11; a leading `v` is not part of the version.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest

from semver import Version

_RELEASE = re.compile(r"(v?)((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))", re.ASCII)
LONGEST_TAG = 128
"""Characters of a tag. Python refuses to read a number with thousands of digits."""

MOST_ASKED = 6
"""The most listed releases that are asked for a manifest, while none of them has one."""

_COMMIT_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release tag: the version, and whether it is spelled with a leading `v`."""

    version: Version
    with_v: bool
    tag: str


def release(tag: str | None) -> Release | None:
    """Read a tag as a release: `X.Y.Z` with or without `v`, no pre-release, no build; None for any other tag."""
    match = _RELEASE.fullmatch(tag) if tag and len(tag) <= LONGEST_TAG else None
    if match is None:
        return None
    return Release(version=Version.parse(match[2]), with_v=bool(match[1]), tag=match[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`pinned_tag` "" follows the highest release; any other value stays on that tag."""

    pinned_tag: str = ""

    @property
    def follows_releases(self) -> bool:
        """Whether the rule desires the highest release, and not one tag."""
        return self.pinned_tag == ""

    def select(self, tags: Iterable[str], specified_tag: str | None = None) -> str | None:
        """The desired tag among `tags`, or None if none matches.

        While it follows releases, only tags spelled like the running tag count (with or without `v`). If the running
        tag is no release, tags with `v` count if there is one, else those without.
        """
        if not self.follows_releases:
            return self.pinned_tag if self.pinned_tag in set(tags) else None
        found = highest_release(tags, specified_tag)
        return found.tag if found else None


def candidates(
    rule: Rule, tags: Iterable[str], specified_tag: str | None, *, unlisted: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The tags that the rule may desire, best first. The first of them that has a manifest is the desired one.

    A list of tags may have a release that is not linked yet or is gone. Such releases are skipped, up to a limit.
    `unlisted` are tags that the list lacks and that events name. They do not count towards the limit, so that false
    events cannot hide existing tags.
    """
    left = {*tags, *unlisted}
    for _ in range(MOST_ASKED + len(unlisted)):
        tag = rule.select(left, specified_tag)
        if tag is None:
            return
        yield tag
        left.remove(tag)


def asked_releases(tags: Iterable[str], specified_tag: str | None) -> frozenset[str]:
    """The listed releases that are asked for a manifest if none has one: the highest, up to the limit of `candidates`.

    It reads the list once, however long it is.
    """
    releases = [found for found in map(release, tags) if found is not None]
    with_v = _with_v(releases, specified_tag)
    counting = (each for each in releases if each.with_v == with_v)
    return frozenset(each.tag for each in nlargest(MOST_ASKED, counting, key=lambda each: each.version))


def desired_tag(
    rule: Rule, tags: Iterable[str], specified_tag: str | None, *, resolved: str | None, requested: str | None = None
) -> str:
    """The desired tag of a watch by its stored values; "" if there is none.

    A pinned tag is desired whether the registry has it or not. `resolved` is the tag that the last reconcile found,
    None if a command came after it. `requested` is the tag of an open rollout that a person asked for, else None.
    """
    if not rule.follows_releases:
        return rule.pinned_tag
    if resolved is not None:
        return resolved
    if requested is not None:
        return requested
    return rule.select(tags, specified_tag) or ""


def highest_release(tags: Iterable[str], specified_tag: str | None = None) -> Release | None:
    """The highest release of `tags`, spelled like `specified_tag` (see `Rule.select`), or None."""
    releases = [found for found in map(release, tags) if found is not None]
    with_v = _with_v(releases, specified_tag)
    return _highest(each for each in releases if each.with_v == with_v)


def counts_with_v(tags: Iterable[str], specified_tag: str | None = None) -> bool:
    """Whether the releases that count are spelled with `v` (see `Rule.select`)."""
    return _with_v([found for found in map(release, tags) if found is not None], specified_tag)


def _with_v(releases: Iterable[Release], specified_tag: str | None) -> bool:
    running = release(specified_tag)
    return running.with_v if running else any(each.with_v for each in releases)


def highest_of(tags: Iterable[str]) -> Release | None:
    """The highest release of `tags` in any spelling, or None. Of several running tags this one counts."""
    return _highest(found for found in map(release, tags) if found is not None)


def highest_tag(tags: Iterable[str]) -> str | None:
    """The tag of `highest_of`: the running tag of a watch whose tasks run `tags`."""
    found = highest_of(tags)
    return found.tag if found else None


def _highest(releases: Iterable[Release]) -> Release | None:
    return max(releases, key=lambda each: each.version, default=None)


def arranged(tags: Iterable[str]) -> list[str]:
    """All tags in the order of a page: releases, the highest first; then other tags by name; commit ids last."""
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
    """Whether `/repos` lists the tag: it omits a tag that contains a 40-digit commit id, as the Go service did."""
    return _COMMIT_ID.search(tag) is None
