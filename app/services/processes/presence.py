"""Say that this process is there, every two seconds, and how its loops are; and say when it leaves.

The beat is a write: a process whose beat fails cannot store. It must not judge other processes.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid4

from app.errors import StoreUnavailable
from app.services.processes.loops import Loop, Loops, LoopState

EVERY = 2.0  # seconds between two beats
LEAVING = 2.0  # seconds that a stop may be held up by saying so


class ProcessKind(StrEnum):
    """What a process is there for."""

    WEB = "web"
    WORKER = "worker"
    POLLER = "poller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a process says of itself. `age` is how long it runs, in seconds; `configuration` is a fingerprint, or ""."""

    process_id: UUID
    kind: ProcessKind
    host: str
    pid: int
    age: float
    loops: tuple[LoopState, ...]
    configuration: str = ""


class Presences(Protocol):
    """The store of processes. All methods raise StoreUnavailable."""

    async def beat(self, beat: Beat) -> None:
        """Write the process's row as seen now; delete rows of others that were not seen for long."""
        ...

    async def leave(self, process_id: UUID) -> None:
        """Delete the process's row."""
        ...


class Presence:
    """One process's presence. `loops` are what it tells of; `configuration` gives the fingerprint in force."""

    def __init__(
        self,
        store: Presences,
        *,
        kind: ProcessKind,
        loops: Loops,
        configuration: Callable[[], str] = lambda: "",
        every: float = EVERY,
    ) -> None:
        self.process_id = uuid4()
        self._store = store
        self._kind = kind
        self._loops = loops
        self._configuration = configuration
        self._since = time.monotonic()
        self._every = every
        self._loop = loops.add(Loop("presence", retry=every / 4, retry_at_most=every, bound=5.0, grace=4.0))

    async def run(self) -> None:
        """Beat until cancelled."""
        await self._loop.run(self._beat)

    async def leave(self) -> None:
        """Delete the row; a store that is away keeps it until it is forgotten."""
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(LEAVING):
                await self._store.leave(self.process_id)

    async def _beat(self) -> float:
        await self._store.beat(
            Beat(
                process_id=self.process_id,
                kind=self._kind,
                host=socket.gethostname(),
                pid=os.getpid(),
                age=time.monotonic() - self._since,
                loops=self._loops.states,
                configuration=self._configuration(),
            )
        )
        return self._every
