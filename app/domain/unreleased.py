"""Why a tag is no release of a watch: one kind for each tag that `rule.release`, or the spelling, leaves out. Pure.

Only `app/domain/rule.py` says which tags are releases. This module explains its answer, and never changes it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from app.domain.rule import LONGEST_TAG, release


class NoReleaseKind(StrEnum):
    """Why a tag does not count. `no_version`: it does not begin with a version number, or goes on with other text."""

    PRE_RELEASE = "pre_release"
    BUILD_PART = "build_part"
    LEADING_ZERO = "leading_zero"
    MORE_PARTS = "more_parts"
    FEWER_PARTS = "fewer_parts"
    OTHER_SPELLING = "other_spelling"
    NO_VERSION = "no_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRelease:
    """A tag that does not count as a release. `cause` is the reason as a noun phrase: "leading zero", "4 parts".

    `numbers` are the tag's numbers without trailing zeros, () if it has none: `is_above` compares them. `instead` is
    the spelling of the same version that would count, "" if there is none.
    """

    tag: str
    kind: NoReleaseKind
    cause: str
    numbers: tuple[int, ...] = ()
    instead: str = ""

    def is_above(self, tag: str) -> bool:
        """Whether its numbers are greater than those of `tag`, a release; False if either has none.

        A pre-release of 1.2.3 is not above 1.2.3: its numbers are equal.
        """
        other = numbers(tag)
        return bool(self.numbers and other) and self.numbers > other


_VERSION = re.compile(r"([vV]?)(\d+(?:\.\d+)*)(?:([-+_])(.+))?", re.ASCII)
_SEPARATORS = {"-": NoReleaseKind.PRE_RELEASE, "+": NoReleaseKind.BUILD_PART, "_": NoReleaseKind.BUILD_PART}
_PARTS = 3


def classify(tag: str, with_v: bool | None = None) -> NoRelease | None:
    """Why `tag` is no release; None if it is one.

    `with_v` is the spelling that counts for the watch, from `rule.counts_with_v`; None accepts both spellings.
    """
    found = release(tag)
    if found is not None:
        if with_v in (None, found.with_v):
            return None
        cause = "spelled without v, releases here have it" if with_v else "spelled with v, releases here have none"
        return NoRelease(
            tag=tag,
            kind=NoReleaseKind.OTHER_SPELLING,
            cause=cause,
            numbers=numbers(tag),
            instead=_spelled(str(found.version), with_v),
        )
    match = _VERSION.fullmatch(tag) if len(tag) <= LONGEST_TAG else None
    if match is None:
        return NoRelease(tag=tag, kind=NoReleaseKind.NO_VERSION, cause="no version number")
    kind, cause = _kind(match)
    return NoRelease(tag=tag, kind=kind, cause=cause, numbers=numbers(tag), instead=_instead(match, kind, with_v))


def numbers(tag: str) -> tuple[int, ...]:
    """The numbers at the beginning of a tag, without trailing zeros, so that 1.2 equals 1.2.0; () without any."""
    match = _VERSION.fullmatch(tag) if len(tag) <= LONGEST_TAG else None
    found = [int(each) for each in match[2].split(".")] if match else []
    while len(found) > 1 and found[-1] == 0:
        found.pop()
    return tuple(found)


def _kind(match: re.Match[str]) -> tuple[NoReleaseKind, str]:
    """The first reason that applies: the part after the numbers, the numbers, then how the `v` is spelled."""
    parts = match[2].split(".")
    if match[3]:
        kind = _SEPARATORS[match[3]]
        return kind, f"{'pre-release' if kind is NoReleaseKind.PRE_RELEASE else 'build part'} {match[4]}"
    if len(parts) != _PARTS:
        kind = NoReleaseKind.MORE_PARTS if len(parts) > _PARTS else NoReleaseKind.FEWER_PARTS
        return kind, f"{len(parts)} part{'s' if len(parts) > 1 else ''}, a release has 3"
    if any(len(each) > 1 and each.startswith("0") for each in parts):
        return NoReleaseKind.LEADING_ZERO, "leading zero"
    return NoReleaseKind.OTHER_SPELLING, "spelled with V"


def _instead(match: re.Match[str], kind: NoReleaseKind, with_v: bool | None) -> str:
    """The release with the same numbers; "" if more numbers than those of a release tell versions apart."""
    parts = [int(each) for each in match[2].split(".")]
    if kind is NoReleaseKind.MORE_PARTS or len(parts) > _PARTS:
        return ""
    padded = [*parts, 0, 0][:_PARTS]
    return _spelled(".".join(map(str, padded)), bool(match[1]) if with_v is None else with_v)


def _spelled(version: str, with_v: bool | None) -> str:
    return f"v{version}" if with_v else version
