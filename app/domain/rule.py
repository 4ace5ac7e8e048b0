"""The rule that chooses a tag: follow the highest release, or stay on a pinned tag. Pure; it reads no registry.

Release tags and their order: Semantic Versioning 2.0.0, section 11; a leading `v` is spelling, no part of the version.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from semver import Version

_RELEASE = re.compile(r"(v?)((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))", re.ASCII)
_LONGEST = 128  # characters of a tag; Python refuses to read a number of thousands
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


def highest_release(tags: Iterable[str], running_tag: str | None = None) -> Release | None:
    """The highest release of `tags` in the spelling that counts for `running_tag`, or None."""
    releases = [found for found in map(release, tags) if found is not None]
    running = release(running_tag)
    with_v = running.with_v if running else any(each.with_v for each in releases)
    return _highest(each for each in releases if each.with_v == with_v)


def highest_of(tags: Iterable[str]) -> Release | None:
    """The highest release of `tags` in any spelling, or None: among what runs, the one that counts."""
    return _highest(found for found in map(release, tags) if found is not None)


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
