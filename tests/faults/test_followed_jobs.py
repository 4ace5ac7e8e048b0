"""Given a thousand jobs, then what others do in Nomad is seen within two seconds, and a fleet at rest asks for nothing.

The real processes; the simulator's ledger counts their requests.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.queries import PostgresQueries
from tests.cluster import Cluster, cluster, until
from tests.faults.delivery_sender import answering
from tests.faults.statements import job_index, jobs_that_rest
from tests.machine_load import machine

JOBS = 1000
ROUNDS = 50
WITHIN = 2.0  # seconds from the change in Nomad to the page's data
REST = 20.0  # seconds for which requests are counted
NAMES = [f"job-{number:04}" for number in range(JOBS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A cluster whose jobs were all read, with the page's reads."""

    ours: Cluster
    database: Database

    async def index_read(self, name: str) -> int:
        """The job's index as it was read last."""
        async with self.database.connection() as connection:
            return await job_index(connection, name)

    async def shown(self, name: str) -> str:
        """What the page shows: the decision, and the images that the job specifies."""
        watch = await PostgresQueries(self.database).watch(name)
        assert watch is not None
        return f"{watch.decision.message if watch.decision else ''} {[each.image for each in watch.specified]}"

    async def seen(self, name: str, index: int, text: str = "") -> float:
        """Wait until the change at `index` is read, and the page shows the text; returns how long that took."""
        began = time.monotonic()

        async def is_seen() -> bool:
            return await self.index_read(name) >= index and text in await self.shown(name)

        await until(is_seen, lambda: f"{name} at {index}, {text}", within=20)
        return time.monotonic() - began


@pytest.fixture
def ours(server_directory: Path, database_url: str, redis_url: str) -> Iterator[Cluster]:
    with cluster(
        server_directory,
        database_url=database_url,
        redis_url=redis_url,
        names=NAMES,
        settings='poll_interval = "1h"\njob_reread_interval = "10s"',
    ) as made:
        yield made


@asynccontextmanager
async def at_rest(ours: Cluster, database_url: str) -> AsyncIterator[Fleet]:
    """The fleet with one web, two workers and two pollers, once every job was read and is followed."""
    for kind in ("web", "worker", "worker", "poller", "poller"):
        ours.start(kind)
    await answering(ours)
    database = Database(database_url, size=2)

    async def all_read() -> bool:
        async with database.connection() as connection:
            return await jobs_that_rest(connection) == JOBS

    try:
        await until(all_read, "every job is read and followed", within=180)
        fleet = Fleet(ours=ours, database=database)
        # The start left a thousand messages in the queue, some of them twice: the first change waits behind them.
        ours.nomad.change_by_another(NAMES[0])
        await fleet.seen(NAMES[0], int(ours.nomad.job(NAMES[0])["JobModifyIndex"]))
        yield fleet
    finally:
        await database.close()


@pytest.mark.slow
async def test_what_others_do_is_seen_within_two_seconds_and_rest_costs_nothing(
    ours: Cluster, database_url: str
) -> None:
    async with at_rest(ours, database_url) as fleet:
        with machine() as busy:
            took = [await _change(fleet, number) for number in range(ROUNDS)]
            stretch = busy.stretch
        print(f"{ROUNDS} changes seen after {sorted(took)[ROUNDS // 2]:.2f} s, at most {max(took):.2f} s")
        assert max(took) <= WITHIN * stretch

        await asyncio.sleep(3.5)  # the last change may be read once more for its allocations
        ours.nomad.ledger.clear()
        await asyncio.sleep(REST)
        requests = ours.nomad.ledger.requests - ours.nomad.ledger.waits
        assert requests.total() <= 2 * REST / 60, requests
        assert ours.nomad.ledger.waits["GET /v1/namespace/:id"] >= REST / 5


async def _change(fleet: Fleet, number: int) -> float:
    """One change by somebody else, of a random job; how long it took until it was seen."""
    nomad, name = fleet.ours.nomad, NAMES[random.Random(number).randrange(number * 20, number * 20 + 20)]
    await asyncio.sleep(random.Random(number).random() / 5)
    if number % 3 == 0:
        nomad.stop(name)
        return await fleet.seen(name, nomad.job(name)["JobModifyIndex"], "is stopped")
    if number % 3 == 1:
        nomad.set_image(name, group="app", task="server", image=f"{fleet.ours.host}/team/{name}:v0.9.0")
        return await fleet.seen(name, nomad.job(name)["JobModifyIndex"], "v0.9.0")
    nomad.scale(name, count=3)
    return await fleet.seen(name, nomad.job(name)["JobModifyIndex"])
