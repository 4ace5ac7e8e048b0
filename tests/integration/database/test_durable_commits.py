"""Given a database whose default is synchronous_commit = off, then what was acknowledged still outlives a crash."""

import asyncio
import random
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import DOOR_LIMITS, PostgresInbox
from app.domain.event import Parsed
from app.errors import StoreUnavailable
from app.local.postgres import EmbeddedPostgres
from app.services.ingest.receive import Delivery
from tests.faults.sizes import moves, seed
from tests.processes import until
from tests.servers.ports import free_port
from tests.servers.postgres import migrate

KILLS = moves(ci=10, long=100)
SENDERS = 8
_BEFORE_KILL = 0.3  # seconds at most: what is not written within one round of the WAL writer, 0.2 s, is lost


async def set_default(url: str, setting: str) -> None:
    """The default of every new session of the database."""
    connection = await asyncpg.connect(url)
    try:
        name = urlsplit(url).path.lstrip("/")
        await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {setting}')
    finally:
        await connection.close()


@pytest.mark.parametrize(("default", "expected"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
async def test_a_session_commits_before_it_answers(database_url: str, default: str, expected: str) -> None:
    await set_default(database_url, default)
    database = Database(database_url)
    try:
        async with database.connection() as connection, database.dedicated("test") as dedicated:
            assert await connection.fetchval("SHOW synchronous_commit") == expected
            assert await dedicated.fetchval("SHOW synchronous_commit") == expected
    finally:
        await database.close()


@pytest.fixture
def crashing(server_directory: Path) -> EmbeddedPostgres:
    """A Postgres that the test starts and kills."""
    return EmbeddedPostgres(server_directory, port=free_port(), durable=False)


async def test_a_killed_postgres_has_every_acknowledged_delivery(crashing: EmbeddedPostgres) -> None:
    """The machine itself goes on, so that without fsync nothing is lost but what Postgres had not written."""
    moments = random.Random(seed())
    with crashing:
        await asyncio.to_thread(migrate, crashing.url)
        await set_default(crashing.url, "off")
        acknowledged: set[UUID] = set()
        for number in range(KILLS):
            before = len(acknowledged)
            database = Database(crashing.url, limits=DOOR_LIMITS)
            inbox, crashed = PostgresInbox(database), asyncio.Event()
            senders = [asyncio.create_task(_send(inbox, acknowledged, crashed)) for _ in range(SENDERS)]
            await until(partial(_more, acknowledged, before), "deliveries are stored", within=60)
            await asyncio.sleep(moments.uniform(0, _BEFORE_KILL))
            await asyncio.to_thread(crashing.kill)
            crashed.set()
            await asyncio.gather(*senders)
            await database.close()
            await asyncio.to_thread(crashing.start)
            stored = await _stored(crashing.url)
            assert len(acknowledged - stored) == 0, f"lost by kill {number + 1} of {KILLS}, seed {seed()}"
        print(f"{len(acknowledged)} acknowledged, {KILLS} kills, seed {seed()}")


async def _send(inbox: PostgresInbox, acknowledged: set[UUID], crashed: asyncio.Event) -> None:
    """One delivery after the other, until Postgres is gone."""
    while not crashed.is_set():
        delivery = Delivery(delivery_id=uuid4(), source="main", size=10, parsed=Parsed(ignored=1))
        try:
            receipt = await inbox.store(delivery)
        except StoreUnavailable:
            return
        acknowledged.add(receipt.delivery_id)


def _more(acknowledged: set[UUID], before: int) -> bool:
    return len(acknowledged) > before


async def _stored(url: str) -> set[UUID]:
    connection = await asyncpg.connect(url)
    try:
        return {UUID(str(row["delivery_id"])) for row in await connection.fetch("SELECT delivery_id FROM deliveries")}
    finally:
        await connection.close()
