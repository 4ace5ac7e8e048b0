"""Bring the configured watches into Postgres: which appeared, changed and went, and whose history starts anew.

The configuration says where a watch is; its rule is a person's and is never touched here. Any number of processes
reconcile the same file at once, and the second finds nothing to do. Files that differ are judged by
app/domain/configuration.py, which says which is newer, and what waits for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from app.domain.configuration import Accept, ConfigurationState, HoldBack, Reading, Verdict, judge
from app.domain.watch import Watch

log = structlog.get_logger()

TAKEN = Reading(edited=True, repeated=True)
"""A reading that is taken as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWatch:
    """A watch as it was configured last; `present` is False for one that left the configuration."""

    watch: Watch
    position: int
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What the configuration changes. `moved` are those at another job, or of another image: seen for the first time.

    `write` are all watches, with their positions, whose rows are to be written.
    """

    appeared: tuple[Watch, ...]
    changed: tuple[Watch, ...]
    moved: tuple[Watch, ...]
    gone: tuple[str, ...]
    write: tuple[tuple[int, Watch], ...]

    @property
    def moves(self) -> tuple[str, ...]:
        """The names of those that move from where they are watched now; their history there is forgotten."""
        there = {watch.name for watch in self.changed}
        return tuple(watch.name for watch in self.moved if watch.name in there)


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """Names of watches by what became of them, how many rules were taken over, and the targets that became due.

    `waits` tells why nothing was written, None when everything was.
    """

    appeared: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    imported: int = 0
    due: tuple[int, ...] = ()
    waits: HoldBack | None = None


class WatchStore(Protocol):
    """The rows of targets and watches."""

    async def sync(self, watches: Sequence[Watch], *, at_start: bool, reading: Reading = TAKEN) -> Synced:
        """Judge the reading and write what differs, in one transaction, alone.

        The targets concerned become due thoroughly; `at_start` all do, also when the reading waits.
        Raises StoreUnavailable, or Permanent when the predecessor's table is there and may not be read.
        """
        ...


async def sync(
    store: WatchStore, watches: Sequence[Watch], *, at_start: bool = False, reading: Reading = TAKEN
) -> Synced:
    """Make the stored watches those of the configuration, in its order. Raises as `WatchStore.sync` does.

    A watch that went keeps its rule and history, and has them when it returns to the same place.
    """
    synced = await store.sync(watches, at_start=at_start, reading=reading)
    if synced.appeared or synced.changed or synced.gone or synced.imported:
        log.info(
            "config.synced",
            appeared=synced.appeared,
            changed=synced.changed,
            gone=synced.gone,
            imported=synced.imported,
        )
    return synced


def compare(stored: Sequence[StoredWatch], configured: Sequence[Watch]) -> Difference:
    """What `configured` changes in `stored`; pure."""
    known = {each.watch.name: each for each in stored}
    names = {watch.name for watch in configured}
    write = tuple(
        (position, watch)
        for position, watch in enumerate(configured)
        if known.get(watch.name) != StoredWatch(watch=watch, position=position, present=True)
    )
    return Difference(
        appeared=tuple(watch for _, watch in write if watch.name not in known or not known[watch.name].present),
        changed=tuple(
            watch
            for _, watch in write
            if watch.name in known and known[watch.name].present and known[watch.name].watch != watch
        ),
        moved=tuple(watch for _, watch in write if watch.name in known and _moved(known[watch.name].watch, watch)),
        gone=tuple(each.watch.name for each in stored if each.present and each.watch.name not in names),
        write=write,
    )


def judged(
    difference: Difference, stored: Sequence[StoredWatch], reading: Reading, standing: ConfigurationState
) -> Verdict:
    """Whether the difference may be written; one that is empty always may. Pure."""
    if not difference.write and not difference.gone:
        return Accept()
    present = [each.watch for each in stored if each.present]
    return judge(reading, standing, present=present, gone=difference.gone, moved=difference.moves)


def _moved(before: Watch, after: Watch) -> bool:
    return (before.place, before.repository) != (after.place, after.repository)
