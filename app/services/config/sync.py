"""Write the configured watches into Postgres: the added, changed and removed ones, and those whose history restarts.

The configuration says where a watch is; its rule belongs to people and is never changed here. Any number of processes
sync the same file at once, and the second finds nothing to do. app/domain/configuration.py judges files that differ: it
says which is newer, and which waits for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from app.domain.configuration import Accept, ConfigurationState, HoldBack, Reading, Verdict, judge
from app.domain.watch import Watch

log = structlog.get_logger()

ACCEPTED = Reading(edited=True, repeated=True)
"""A reading that is accepted as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWatch:
    """A watch as it was configured last; `present` is False if it left the configuration."""

    watch: Watch
    position: int
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What the configuration changes. `moved` are the watches with another job or repository than before: their history
    restarts.

    `write` are all watches whose rows must be written, with their positions.
    """

    added: tuple[Watch, ...]
    changed: tuple[Watch, ...]
    relocated: tuple[Watch, ...]
    removed: tuple[str, ...]
    write: tuple[tuple[int, Watch], ...]

    @property
    def moves(self) -> tuple[str, ...]:
        """The names of the watches that are present and move; their history at the former place is forgotten."""
        changed = {watch.name for watch in self.changed}
        return tuple(watch.name for watch in self.relocated if watch.name in changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """The names of the added, changed and removed watches, the number of imported rules, and the targets made due.

    `waits` says why nothing was written, None if everything was.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    imported: int = 0
    due: tuple[int, ...] = ()
    waits: HoldBack | None = None


class WatchStore(Protocol):
    """The rows of targets and watches."""

    async def sync(self, watches: Sequence[Watch], *, at_start: bool, reading: Reading = ACCEPTED) -> Synced:
        """Judge the reading and write what differs, in one transaction, alone.

        The targets concerned become due for a full reconcile; with `at_start` all do, also if the reading waits.
        Raises StoreUnavailable, or Permanent if the predecessor's table exists and may not be read.
        """
        ...


async def sync(
    store: WatchStore, watches: Sequence[Watch], *, at_start: bool = False, reading: Reading = ACCEPTED
) -> Synced:
    """Make the stored watches those of the configuration, in its order. Raises as `WatchStore.sync` does.

    A removed watch keeps its rule and history, and has them again if it returns to the same place.
    """
    synced = await store.sync(watches, at_start=at_start, reading=reading)
    if synced.added or synced.changed or synced.removed or synced.imported:
        log.info(
            "config.synced",
            added=synced.added,
            changed=synced.changed,
            removed=synced.removed,
            imported=synced.imported,
        )
    return synced


def compare(stored: Sequence[StoredWatch], configured: Sequence[Watch]) -> Difference:
    """What `configured` changes in `stored`. Pure."""
    known = {each.watch.name: each for each in stored}
    names = {watch.name for watch in configured}
    write = tuple(
        (position, watch)
        for position, watch in enumerate(configured)
        if known.get(watch.name) != StoredWatch(watch=watch, position=position, present=True)
    )
    return Difference(
        added=tuple(watch for _, watch in write if watch.name not in known or not known[watch.name].present),
        changed=tuple(
            watch
            for _, watch in write
            if watch.name in known and known[watch.name].present and known[watch.name].watch != watch
        ),
        relocated=tuple(watch for _, watch in write if watch.name in known and _moved(known[watch.name].watch, watch)),
        removed=tuple(each.watch.name for each in stored if each.present and each.watch.name not in names),
        write=write,
    )


def judged(
    difference: Difference, stored: Sequence[StoredWatch], reading: Reading, state: ConfigurationState
) -> Verdict:
    """Whether the difference may be written; an empty one always may. Pure."""
    if not difference.write and not difference.removed:
        return Accept()
    present = [each.watch for each in stored if each.present]
    return judge(reading, state, present=present, gone=difference.removed, moved=difference.moves)


def _moved(before: Watch, after: Watch) -> bool:
    return (before.place, before.repository) != (after.place, after.repository)
