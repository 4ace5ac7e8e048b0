"""Report running processes whose configurations differ. It must not judge which of them is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.services.processes.loops import Loop, Loops

SETTLED = 10.0  # seconds for which processes may differ: they read their files at different times
_EVERY = 2.0
_NAMED = 4  # processes that a sentence names for each configuration
_SHORT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A running process, and its configuration's fingerprint; `since` is when it got it, by the database's clock."""

    kind: str
    host: str
    pid: int
    configuration: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.host} pid {self.pid}"


class Holders(Protocol):
    """The store of processes and their configurations."""

    async def holders(self, *, settled: float) -> tuple[Holder, ...]:
        """The running processes that have had one configuration for `settled` seconds. Raises StoreUnavailable."""
        ...


class Differing:
    """Reads regularly which process has which configuration; `problem` says what differs, "" if nothing does."""

    def __init__(self, store: Holders, loops: Loops) -> None:
        self._store = store
        self._loop = loops.add(Loop("configurations", retry_at_most=_EVERY, bound=5.0))
        self.problem = ""

    async def run(self) -> None:
        """Read until cancelled."""
        await self._loop.run(self._check)

    async def _check(self) -> float:
        self.problem = differing(await self._store.holders(settled=SETTLED))
        return _EVERY


def differing(holders: Sequence[Holder]) -> str:
    """A sentence with the processes of each configuration, the newest first; "" if all have the same."""
    by_configuration: dict[str, list[Holder]] = {}
    for holder in sorted(holders, key=lambda each: (each.since, str(each)), reverse=True):
        by_configuration.setdefault(holder.configuration, []).append(holder)
    if len(by_configuration) < 2:
        return ""
    parts = [
        f"{_named(each)} since {each[-1].since:%H:%M:%S} UTC: {name[:_SHORT]}"
        for name, each in by_configuration.items()
    ]
    who = "; ".join(parts)
    return f"processes have different configurations ({who}): give all the same file, or restart those that lag behind"


def _named(holders: Sequence[Holder]) -> str:
    more = len(holders) - _NAMED
    return ", ".join(map(str, holders[:_NAMED])) + (f" and {more} more" if more > 0 else "")
