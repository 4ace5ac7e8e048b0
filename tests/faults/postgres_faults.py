"""The fault classes of Postgres, the queue of record. Senders may be told to come again, and nothing else."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import asyncpg

from tests.faults import statements
from tests.faults.fault_class import Fault, Met, Pace, again, counting, replies_cut
from tests.faults.scene import Scene

_OTHERS = "somebody else"


@asynccontextmanager
async def _killed(scene: Scene, met: Met) -> AsyncIterator[None]:
    await asyncio.to_thread(scene.postgres.kill)
    met.count += 1
    try:
        yield
    finally:
        await asyncio.to_thread(scene.postgres.start)


@asynccontextmanager
async def _killed_often(scene: Scene, met: Met) -> AsyncIterator[None]:
    """What was acknowledged a moment before must be there after each."""
    pace = Pace(scene=scene)

    async def kill() -> None:
        await asyncio.to_thread(scene.postgres.kill)
        met.count += 1
        await asyncio.to_thread(scene.postgres.start)
        pace.struck()

    async with again(kill, every=0.0, enough=pace):
        yield


@asynccontextmanager
async def _frozen(scene: Scene, met: Met) -> AsyncIterator[None]:
    async with scene.connection() as connection:
        frozen = await statements.backend_pids(connection)
    met.count += len(frozen)
    for pid in (scene.postgres.pid, *frozen):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (*frozen, scene.postgres.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def _sessions_ended(scene: Scene, met: Met) -> AsyncIterator[None]:
    pace = Pace(scene=scene)
    async with scene.connection() as connection:

        async def end() -> None:
            met.count += await statements.end_sessions(connection)
            pace.struck()

        async with again(end, every=0.5, enough=pace):
            yield


@asynccontextmanager
async def _no_connections_left(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Somebody else takes every connection of the server, and ours had to be made anew."""
    async with scene.connection() as connection, AsyncExitStack() as taken:

        async def take() -> None:
            await statements.end_sessions(connection, but=_OTHERS)
            while True:
                try:
                    other = await asyncpg.connect(scene.postgres.url, server_settings={"application_name": _OTHERS})
                except asyncpg.TooManyConnectionsError:
                    met.count += 1
                    return
                taken.push_async_callback(other.close)

        async with again(take, every=0.1):
            yield


@asynccontextmanager
async def _replies_to_commits_lost(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Each is committed, and whoever asked for it learns nothing."""

    async def lose() -> None:
        scene.store.lose_reply_to = b"COMMIT"

    with counting(met, lambda: scene.store.lost):
        try:
            async with again(lose, every=0.05):
                yield
        finally:
            scene.store.lose_reply_to = None


@asynccontextmanager
async def _partitioned(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Every connection is dead for good, and nobody is told."""
    with counting(met, lambda: scene.store.died):
        scene.store.partitioned = True
        try:
            yield
        finally:
            scene.store.partitioned = False


@asynccontextmanager
async def _read_only(scene: Scene, met: Met) -> AsyncIterator[None]:
    async with scene.connection() as connection:
        await statements.make_read_only(connection, scene.postgres.url, on=True)
        met.count += await statements.end_sessions(connection)
        try:
            yield
        finally:
            await statements.make_read_only(connection, scene.postgres.url, on=False)


@asynccontextmanager
async def _full(scene: Scene, met: Met) -> AsyncIterator[None]:
    """No row can be added or changed: 53100, disk_full."""
    async with scene.connection() as connection:
        await statements.fail_all_writes(connection, "53100")
        try:
            yield
        finally:
            met.count += await statements.stop_raising(connection)


@asynccontextmanager
async def _locked(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Somebody at psql holds a lock on whole tables for longer than any of our statements may wait."""
    async with scene.connection() as connection, connection.transaction():
        await statements.lock_tables(connection, "targets", "rollouts")
        yield
        met.count += await statements.waiting_for_locks(connection)


_REPLIES_CUT = partial(replies_cut, proxy=lambda scene: scene.store, most=2000, every=0.1)

POSTGRES = {
    "killed": Fault(strike=_killed, outage="Postgres", stops=True),
    "killed again and again": Fault(strike=_killed_often, refuses=True),
    "frozen": Fault(strike=_frozen, outage="Postgres", stops=True),
    "sessions ended": Fault(strike=_sessions_ended, refuses=True),
    "no connections left": Fault(strike=_no_connections_left, outage="Postgres", stops=True),
    "replies to commits lost": Fault(strike=_replies_to_commits_lost, refuses=True),
    "replies cut": Fault(strike=_REPLIES_CUT, refuses=True),
    "partitioned": Fault(strike=_partitioned, outage="Postgres", stops=True),
    "read-only": Fault(strike=_read_only, outage="Postgres", stops=True),
    "disk full": Fault(strike=_full, stops=True),
    "tables locked": Fault(strike=_locked, stops=True),
}
