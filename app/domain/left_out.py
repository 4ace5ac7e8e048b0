"""What the rule leaves out of a registry's tags, in words: newer-looking tags, and tags that are no releases. Pure.

It changes no decision: only its message.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.rule import listed, release
from app.domain.unreleased import classify, numbers

_NAMED = 3
# A lone number is a date or a build more often than a version, so it is not compared with one.
_DOTTED = re.compile(r"[vV]?\d+\.\d", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagList:
    """A registry's list of tags, as a reconcile read it; `tags` is None if it was not read.

    `repository_exists` is False if the registry does not know the repository. `without_manifest` are its highest
    releases, for which it has no manifest; `is_cut` is whether lower releases were not asked for.
    """

    tags: tuple[str, ...] | None = None
    repository_exists: bool = True
    without_manifest: tuple[str, ...] = ()
    is_cut: bool = False


def newer_left_out(found: TagList, tag: str) -> str:
    """The tags that look newer than the release `tag` and do not count, to follow "… runs"; "" if there are none.

    The highest of them is named, and the others are counted.
    """
    return _higher_without_manifest(found.without_manifest) + _newer_by_numbers(found.tags or (), tag)


def _higher_without_manifest(tags: tuple[str, ...]) -> str:
    if not tags:
        return ""
    return f"; the registry has no manifest for {_some(tags)}, which {'is' if len(tags) == 1 else 'are'} higher"


def _newer_by_numbers(tags: Iterable[str], tag: str) -> str:
    specified = release(tag)
    if specified is None:
        return ""
    least = numbers(tag)
    above = [each for each in tags if numbers(each) > least and _DOTTED.match(each)]
    reasons = {each: reason for each in above if (reason := classify(each, specified.with_v)) is not None}
    if not reasons:
        return ""
    highest = max(reasons, key=_in_order)
    rest = len(reasons) - 1
    others = f"; so {'is 1 more tag' if rest == 1 else f'are {rest} more tags'}" if rest else ""
    return f"; {highest} is newer by its numbers and no release ({reasons[highest].cause}){others}"


def no_release(found: TagList, repository: str, specified_tag: str | None) -> str:
    """Why the rule has no release to follow, with the fix; `specified_tag` has the spelling that counts."""
    specified = release(specified_tag)
    form = "X.Y.Z or vX.Y.Z" if specified is None else "vX.Y.Z" if specified.with_v else "X.Y.Z"
    stays = "the running image stays"
    if not found.repository_exists:
        return (
            f"the registry has no repository {repository}, or hides it; {stays}; push a release ({form}), "
            "or correct the repository or the credentials in the configuration"
        )
    if found.without_manifest:
        return _no_manifest(found, stays)
    if not found.tags:
        return f"the registry has no tag of {repository}; {stays}; push a release ({form}), or pin a tag"
    tags = sorted(found.tags, key=_versions_first)
    count = len(tags)
    none = "its one tag is no release" if count == 1 else f"its {count} tags are no releases"
    causes = [_with_cause(each, specified.with_v if specified else None) for each in tags[:_NAMED]]
    named = ", ".join([*causes, "…"] if count > _NAMED else causes)
    return f"the registry has no release tag; {none}: {named}; {stays}; push {form}, or pin a tag"


def _no_manifest(found: TagList, stays: str) -> str:
    """The bound on releases without a manifest is named: lower ones may have one."""
    tags = found.without_manifest
    count = f"the {len(tags)} highest releases" if found.is_cut else "any release"
    bound = "; the list is longer, and lower ones are not asked for" if found.is_cut else ""
    return (
        f"the registry has no manifest for {count} of its list: {_some(tags)}{bound}; {stays}; "
        "push them again or delete them, or pin a tag"
    )


def _some(tags: tuple[str, ...]) -> str:
    return ", ".join([*tags[:_NAMED], "…"] if len(tags) > _NAMED else tags)


def _with_cause(tag: str, with_v: bool | None) -> str:
    reason = classify(tag, with_v)
    return f"{tag} ({reason.cause})" if reason is not None and reason.numbers else tag


def _versions_first(tag: str) -> tuple[tuple[int, ...], bool, str]:
    """The order of examples: the highest numbers first, then by name; commit ids last."""
    return (*(-each for each in numbers(tag)), 1), not listed(tag), tag


def _in_order(tag: str) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    """The order of versions: rc.10 after rc.9."""
    return numbers(tag), tuple(map(int, _DIGITS.findall(tag))), tag
