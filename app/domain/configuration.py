"""Judges a reading of the configuration before it comes into force. Pure: no file, no clock, no store.

Several processes read files that may differ, so the store remembers each set of watches by its fingerprint, and gives
it a turn when it comes into force. Turns are counted: no clock tells which configuration is newer. The rule: a set of
watches that was never in force is new. A set that a running process reads when its file changed is new as well, since a
person changed the file: so going back from B to A by an edit works. A set that a process starts with, or still has, is
older when another one came into force after it: it changes no watch until a person accepts it. A new set that takes
away more than half of the watches, or all of a registry's, waits for a person, or until the process has read the same
for a minute; a watch that moves to another job or repository counts as taken away, since its history is forgotten.
Access is never weakened by a reading, accepted or not: only a restart goes from tokens to none.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.domain.watch import Watch

_NAMED = 5  # watches that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the watches were read. `edited`: the process had others before; `repeated`: it read the same a minute ago."""

    edited: bool
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationState:
    """The last `revision` of the watches that were read, None when they never were in force, and the `newest` of all.

    `accepted` tells that a person accepted them.
    """

    revision: int | None
    newest: int | None
    accepted: bool

    @property
    def is_older(self) -> bool:
        """Whether others came into force after these."""
        return self.revision is not None and self.newest is not None and self.revision < self.newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The watches may be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldBack:
    """No watch may be written now. `older`: what else the configuration says may come into force all the same."""

    reason: str
    older: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Nothing of it may come into force before a restart."""

    reason: str


Verdict = Accept | HoldBack


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """How much a configuration says: how many API tokens it has, and whether it says anything at all."""

    tokens: int
    written: bool


def fingerprint(watches: Sequence[Watch]) -> str:
    """Stands for these watches in this order; the same in every process."""
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

    They take away those that are named by `gone`, and bring those of `moved` to another job or repository.
    """
    if standing.accepted:
        return Accept()
    if standing.is_older and not reading.edited:
        return HoldBack(
            reason="another set of watches came into force after this one, so those in force are of a newer "
            "configuration: go back to this one by `registrywatcher reload --accept` with this file, or give every "
            "process the same file",
            older=True,
        )
    lost = "" if reading.repeated else _lost(present, frozenset((*gone, *moved)))
    if lost:
        acts = " or ".join([*(["takes away"] if gone else []), *(["moves"] if moved else [])])
        return HoldBack(
            reason=f"it {acts} {lost}: put the file right, or accept it with `registrywatcher reload --accept`; "
            "it is taken when it still reads the same after a minute",
            older=False,
        )
    return Accept()


def weakens(before: Grants, after: Grants) -> Refuse | None:
    """Why the reading is refused, when it would open what is closed now; nobody can accept that."""
    if before.written and not after.written:
        return Refuse(reason="the file is empty: write it anew, or restart the process to run with an empty one")
    if before.tokens and not after.tokens:
        return Refuse(
            reason="the last [api_tokens.NAME] is gone, and a reload never takes it away: put a token back, or restart "
            "the process to run without"
        )
    return None


def _lost(present: Sequence[Watch], gone: frozenset[str]) -> str:
    """Too much that goes or moves, in words: more than half of all, or all of a registry; "" when less goes."""
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
