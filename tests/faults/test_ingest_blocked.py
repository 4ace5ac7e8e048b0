"""Given frozen sessions that lock our rows, then webhooks are acknowledged, and targets that are not locked are
deployed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import asyncpg
import pytest

from app.simulators.nomad.timing import Timing
from tests.cluster import Cluster, cluster, until
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering, body
from tests.faults.flags import Flags
from tests.faults.oracle import Shown, faults, last
from tests.faults.outcomes import reading
from tests.faults.statements import lock_row
from tests.faults.tag_moves import Moves

NAMES = [f"r{number}" for number in range(8)]
HELD, *OTHERS = NAMES
SETTINGS = 'poll_interval = "1h"'


@asynccontextmanager
async def locked(database_url: str, statement: str) -> AsyncIterator[None]:
    """A session that has begun a transaction and does not continue, as somebody at psql."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def pushed(ours: Cluster, sender: DeliverySender, tag: str, *, times: int) -> dict[str, Shown]:
    """Push the tag to each repository and deliver each push that many times, all concurrently; each is a new
    delivery."""
    finals = {
        name: Shown(tag=tag, digest=ours.registry.push(f"team/{name}", tag, content=f"{name} {tag}")) for name in NAMES
    }
    deliveries = [body(ours, name, tag, final.digest) for name, final in finals.items() for _ in range(times)]
    await asyncio.gather(*(sender.post(each) for each in deliveries))
    assert sender.statuses == [202] * len(deliveries)
    return finals


@pytest.mark.parametrize("table", ["targets", "watches"])
async def test_a_locked_row_blocks_no_webhook(
    server_directory: Path, database_url: str, redis_url: str, table: Literal["targets", "watches"]
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=SETTINGS
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "worker"):
            ours.start(kind)
        await answering(ours)
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            async with locked(database_url, lock_row(table, HELD)):
                finals = await pushed(ours, sender, "v1.1.0", times=13)
                others = {name: finals[name] for name in OTHERS}
                await deployed(ours, others)
                assert last(ours, HELD) is None
            await deployed(ours, finals)
            await outcomes.settled(NAMES)
        assert faults(ours, finals) == []


async def test_a_worker_frozen_in_a_transaction_blocks_no_webhook(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=SETTINGS
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        flags = Flags(server_directory / "flags")
        ours.start("web")
        ours.start_module("tests.faults.killing_worker", str(flags.directory), "3")
        await answering(ours)
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            step = "inside:targets.settle"
            flags.arm(step, HELD, freeze=3600)
            moves = Moves(sender, NAMES)
            await moves.make(len(NAMES), seconds=0)
            await until(lambda: flags.killed_at(step, HELD), "a worker is frozen", within=120)
            await moves.make(150, seconds=1)
            assert set(sender.statuses) == {202}
            await deployed(ours, moves.finals)
            await outcomes.settled(NAMES)
            assert not flags.thawed(step, HELD)
        assert faults(ours, moves.finals) == []
