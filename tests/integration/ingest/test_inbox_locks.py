"""Given sessions that hold locks and do not continue, as frozen processes do, then deliveries are stored anyway."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import DOOR_LIMITS, PostgresInbox
from app.domain.event import EventAction, Parsed, PushEvent
from app.errors import StoreUnavailable
from app.services.ingest.receive import Delivery
from tests.contract.inboxes import InPostgres

HOST = "registry.example.com"

# What a worker, a sync of the configuration, a person's command or somebody at psql may have locked.
LOCKED = (
    "SELECT FROM targets FOR UPDATE",
    "UPDATE targets SET generation = generation + 1",
    "SELECT FROM watches FOR UPDATE",
    "UPDATE watches SET name = name",
    "SELECT FROM deliveries FOR UPDATE",
    "SELECT FROM events FOR UPDATE",
    "UPDATE event_watches SET attempts = attempts + 1",
    "SELECT FROM wakes FOR UPDATE",
    "DELETE FROM wakes",
    "UPDATE switches SET paused = true",
    "INSERT INTO rollouts (rollout_id, target_id, intent, origin) "
    "SELECT gen_random_uuid(), target_id, 1, 'rule' FROM targets",
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def around(database_url: str, database: Database) -> AsyncIterator[InPostgres]:
    """An inbox as processes have it, with a door of its own, and ten watches."""
    door = Database(database_url, size=2, limits=DOOR_LIMITS)
    made = InPostgres(PostgresInbox(database, door=door, patience=20.0), database)
    for number in range(10):
        await made.add_watch(f"app{number}", host=HOST, path=f"team/app{number}")
    yield made
    await door.close()


def push(number: int, identity: str) -> Delivery:
    event = PushEvent(
        action=EventAction.PUSH, host=HOST, path=f"team/app{number}", tag="v1", digest=None, event_id=identity
    )
    return Delivery(delivery_id=uuid4(), source="main", size=10, parsed=Parsed(events=(event,)))


@pytest.mark.parametrize("statement", LOCKED)
async def test_a_delivery_waits_for_no_row_that_others_hold(
    statement: str, database: Database, around: InPostgres
) -> None:
    await asyncio.gather(*(around.inbox.store(push(number, f"before {number}")) for number in range(10)))
    async with database.transaction() as connection:
        await connection.execute(statement)
        receipts = await asyncio.gather(*(around.inbox.store(push(number, f"event {number}")) for number in range(10)))
        again = await around.inbox.store(push(1, "event 1"))
    assert [receipt.new for receipt in receipts] == [1] * 10
    assert (again.new, again.duplicates) == (0, 1)


async def test_strangers_keep_no_delivery_waiting(database: Database, around: InPostgres) -> None:
    """Whoever posts to a source that nobody configured needs no secret, and may come by the thousand."""
    await around.inbox.note_unknown("stranger")
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM unknown_sources FOR UPDATE")
        strangers = [asyncio.create_task(around.inbox.note_unknown("stranger")) for _ in range(40)]
        receipts = await asyncio.gather(*(around.inbox.store(push(number, f"event {number}")) for number in range(10)))
        assert [receipt.new for receipt in receipts] == [1] * 10
        assert sum(not each.done() for each in strangers) == 1
    await asyncio.gather(*strangers, return_exceptions=True)


async def test_every_post_of_a_stranger_counts(database: Database, around: InPostgres) -> None:
    await asyncio.gather(*(around.inbox.note_unknown(f"stranger {number % 3}") for number in range(30)))
    async with database.connection() as connection:
        assert [row["deliveries"] for row in await connection.fetch("SELECT deliveries FROM unknown_sources")] == [
            10
        ] * 3


async def test_one_delivery_that_has_to_wait_fails_alone(database: Database, around: InPostgres) -> None:
    """The same event is being written elsewhere, and nobody knows whether it will be committed."""
    delivery = push(1, "the same")
    async with database.transaction() as connection:
        await connection.execute(
            "WITH sent AS (INSERT INTO deliveries (delivery_id, source, size, ignored, acceptance) "
            "VALUES (gen_random_uuid(), 'main', 1, 0, 'accepted') RETURNING delivery_id) "
            "INSERT INTO events (delivery_id, source, identity, action, path, tag) "
            "SELECT delivery_id, 'main', 'the same', 'push', 'team/app1', 'v1' FROM sent"
        )
        held = asyncio.gather(around.inbox.store(delivery), return_exceptions=True)
        others = await asyncio.gather(*(around.inbox.store(push(number, f"event {number}")) for number in range(50)))
        (refused,) = await held
    assert isinstance(refused, StoreUnavailable)
    assert all(receipt.new == 1 for receipt in others)
    assert (await around.inbox.store(delivery)).duplicates == 1
