"""Given Redis dies, is emptied or hangs, then pushes are acknowledged, and deployed when it is back."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
import redis

from app.local.valkey import EmbeddedValkey
from app.simulators.nomad.timing import Timing
from tests.cluster import cluster, until
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import faults, missing
from tests.faults.outcomes import reading
from tests.faults.tag_moves import Moves
from tests.machine_load import machine
from tests.webhook_sender import TAKEN

NAMES = [f"r{number:02}" for number in range(20)]
OUTAGES = 6.0


def _kill(valkey: EmbeddedValkey) -> Callable[[], None]:
    valkey.kill()
    return valkey.start


def _flush(valkey: EmbeddedValkey) -> Callable[[], None]:
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return lambda: None


def _freeze(valkey: EmbeddedValkey) -> Callable[[], None]:
    valkey.signal(signal.SIGSTOP)
    return lambda: valkey.signal(signal.SIGCONT)


@asynccontextmanager
async def committing(database_url: str) -> AsyncIterator[list[float]]:
    """Measure inside the block how long an unrelated commit takes on this machine."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE committed (at timestamptz DEFAULT now())")
    commits = [0.0]

    async def commit_forever() -> None:
        while True:
            start = time.monotonic()
            await connection.execute("INSERT INTO committed DEFAULT VALUES")
            commits.append(time.monotonic() - start)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(commit_forever())
    try:
        yield commits
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [_kill, _flush, _freeze])
async def test_pushes_during_a_redis_outage_are_deployed(
    fault: Callable[[EmbeddedValkey], Callable[[], None]],
    server_directory: Path,
    database_url: str,
    private_valkey: EmbeddedValkey,
) -> None:
    with (
        machine() as pace,
        cluster(
            server_directory,
            database_url=database_url,
            redis_url=private_valkey.url,
            names=NAMES,
            settings='poll_interval = "1h"',
        ) as ours,
    ):
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "worker", "worker", "poller"):
            ours.start(kind)
        await answering(ours)
        async with (
            DeliverySender(ours) as sender,
            reading(database_url) as outcomes,
            committing(database_url) as commits,
        ):
            await outcomes.settled(NAMES)
            moves = Moves(sender, NAMES)
            await moves.make(40, seconds=1)
            repair = fault(private_valkey)
            before = len(sender.seconds)
            commits.clear()
            await moves.make(200, seconds=OUTAGES)
            slowest, slowest_commit = max(sender.seconds[before:]), max(commits)
            repair()
            back_at = time.monotonic()
            await until(lambda: not missing(ours, moves.finals), lambda: missing(ours, moves.finals), within=120)
            took = time.monotonic() - back_at
            await outcomes.settled(NAMES)
        print(f"all deployed {took:.1f} s after, stretch {pace.stretch:.1f}")
        print(f"slowest acknowledgement {slowest:.3f} s, slowest commit of another {slowest_commit:.3f} s")
        assert [message for message in sender.refused if "Postgres did not commit" not in message] == []
        assert sender.answers[TAKEN] == 240
        assert slowest < 1 + slowest_commit
        assert took < 10 * pace.stretch
        assert faults(ours, moves.finals) == []
