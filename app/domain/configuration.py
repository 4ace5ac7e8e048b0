"""Judges a reading of the configuration before it comes into force. Pure: no file, no clock, no store.

Several processes read files that may differ. So the store remembers each set of watches by its fingerprint, and gives
it the next revision when it comes into force. Revisions are counted; no clock says which configuration is newer.

A set that was never in force is new. A set that a running process reads after its file changed is new as well, because
a person changed the file; so an edit from B back to A works. A set that a process starts with, or still has, is older
if another one came into force after it. An older set changes no watch until a person accepts it.

A new set that removes more than half of the watches, or all watches of a registry, waits until a person accepts it or
until the process has read the same for a minute. A watch that moves to another job or repository counts as removed,
because its history is forgotten. A reading never weakens access, accepted or not: only a restart goes from tokens to
none.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.domain.watch import Watch

_NAMED = 5  # watches that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the watches were read. `edited`: the process had others before. `repeated`: it read the same a minute ago."""

    edited: bool
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationState:
    """What the store knows of the watches that were read.

    `revision` is their last revision, None if they never were in force; `newest` is the newest revision of all.
    `accepted` is whether a person accepted them.
    """

    revision: int | None
    newest: int | None
    accepted: bool

    @property
    def is_older(self) -> bool:
        """Whether other watches came into force after these."""
        return self.revision is not None and self.newest is not None and self.revision < self.newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The watches may be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldBack:
    """No watch may be written now. If `older`, the rest of the configuration may still come into force."""

    reason: str
    older: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """No part of the reading may come into force before a restart."""

    reason: str


Verdict = Accept | HoldBack


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """How many API tokens a configuration has, and whether its file has any content."""

    tokens: int
    written: bool


def fingerprint(watches: Sequence[Watch]) -> str:
    """A hash of these watches in this order; the same in every process."""
    rows = [
        (
            watch.name,
            watch.registry,
            str(watch.repository),
            (watch.place.region, watch.place.namespace, watch.place.job_id),
            (watch.group, watch.task),
            watch.deploy_by.value,
            (watch.observe_only, watch.promote_after, watch.revert_on_failure),
        )
        for watch in watches
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def judge(
    reading: Reading,
    standing: ConfigurationState,
    *,
    present: Sequence[Watch],
    gone: Collection[str],
    moved: Collection[str] = (),
) -> Verdict:
    """Whether watches that differ from the `present` ones may be written.

    They remove the watches named in `gone`, and move those named in `moved` to another job or repository.
    """
    if standing.accepted:
        return Accept()
    if standing.is_older and not reading.edited:
        return HoldBack(
            reason="a newer set of watches came into force after this one: make this one the newest by "
            "`registrywatcher reload --accept` with this file, or give every process the same file",
            older=True,
        )
    lost = "" if reading.repeated else _lost(present, frozenset((*gone, *moved)))
    if lost:
        acts = " or ".join([*(["removes"] if gone else []), *(["moves"] if moved else [])])
        return HoldBack(
            reason=f"it {acts} {lost}: correct the file, or accept it with `registrywatcher reload --accept`; "
            "without either it comes into force after a minute, if it still reads the same",
            older=False,
        )
    return Accept()


def weakens(before: Grants, after: Grants) -> Refuse | None:
    """Why the reading is refused if it would weaken access; nobody can accept that. None if it is not refused."""
    if before.written and not after.written:
        return Refuse(reason="the file is empty: write it again, or restart the process to run with an empty one")
    if before.tokens and not after.tokens:
        return Refuse(
            reason="the last [api_tokens.NAME] is gone, and a reload never removes it: add a token again, or restart "
            "the process to run without"
        )
    return None


def _lost(present: Sequence[Watch], gone: frozenset[str]) -> str:
    """A text for too many removed or moved watches: more than half of all, or all of a registry; "" for fewer."""
    named = ", ".join(sorted(gone)[:_NAMED]) + (f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else "")
    if 2 * len(gone) > len(present):
        return f"{len(gone)} of {_counted(len(present), 'watch', 'watches')} ({named})"
    emptied = sorted(
        registry
        for registry in {watch.registry for watch in present}
        if all(watch.name in gone for watch in present if watch.registry == registry)
    )
    return f"every watch of registry {', '.join(emptied)} ({named})" if emptied else ""


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
