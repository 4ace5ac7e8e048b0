"""The heartbeat of this process, every two seconds, with the state of its loops; and its end.

The heartbeat is a write: a process whose heartbeat fails cannot store. It must not judge other processes.
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

EVERY = 2.0  # seconds between two heartbeats
LEAVE_WITHIN = 2.0  # seconds that deleting the row may delay a stop


class ProcessKind(StrEnum):
    """The command that the process runs."""

    WEB = "web"
    WORKER = "worker"
    POLLER = "poller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What a process reports. `age` is how long it has run, in seconds; `configuration` is a fingerprint, or ""."""

    process_id: UUID
    kind: ProcessKind
    host: str
    pid: int
    age: float
    loops: tuple[LoopState, ...]
    configuration: str = ""


class Presences(Protocol):
    """The store of processes. All methods raise StoreUnavailable."""

    async def beat(self, beat: Heartbeat) -> None:
        """Write the process's row with the time now; delete the rows of others without a heartbeat for long."""
        ...

    async def leave(self, process_id: UUID) -> None:
        """Delete the process's row."""
        ...


class Presence:
    """One process's presence. It reports `loops`; `configuration` returns the fingerprint in force."""

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
        """Send heartbeats until cancelled."""
        await self._loop.run(self._beat)

    async def leave(self) -> None:
        """Delete the row; if the store is away, the row stays until other processes delete it."""
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN):
                await self._store.leave(self.process_id)

    async def _beat(self) -> float:
        await self._store.beat(
            Heartbeat(
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
