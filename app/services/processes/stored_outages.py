"""The outages that are stored, read regularly and logged once: registries, Nomad, waiting work, silent processes.

Every process reads them, so each one's log says what the pages say; no process logs what it met itself.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from app.services.processes.loops import Loop, Loops
from app.services.processes.outages import OutageLog
from app.services.views.queries import SystemOutage, unexplained

EVERY = 2.0  # seconds between two reads


class OutageStore(Protocol):
    """The store of outages."""

    async def outages(self) -> tuple[SystemOutage, ...]:
        """Each outage once. Raises StoreUnavailable."""
        ...


class StoredOutages:
    """Reads the outages; `names` are those of the last read. `explaining` returns the parts of this process's own
    outages, which explain others."""

    def __init__(
        self,
        store: Callable[[], OutageStore],
        loops: Loops,
        outages: OutageLog,
        *,
        own: Collection[str],
        explaining: Callable[[], Collection[str]],
        every: float = EVERY,
    ) -> None:
        self._store = store
        self._outages = outages
        self._own = own
        self._explaining = explaining
        self._every = every
        self._loop = loops.add(Loop("outages", retry_at_most=every, bound=5.0))
        self.names: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Read until cancelled."""
        await self._loop.run(self.read)

    async def read(self) -> float:
        """Read once; returns the pause before the next time."""
        found = unexplained(await self._store().outages(), self._explaining())
        self._outages.note_all({each.name: each.problem for each in found}, but=self._own)
        self.names = frozenset(each.name for each in found)
        return self._every
