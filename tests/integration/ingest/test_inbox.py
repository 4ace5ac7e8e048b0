"""The inbox on a real Postgres: locks between processes, stored deliveries, and outages."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.domain.event import Oddity, Parsed, PushEvent
from app.errors import StoreUnavailable
from app.local.postgres import EmbeddedPostgres
from app.services.ingest.receive import Delivery, Receipt
from tests.contract.inboxes import InPostgres
from tests.integration.ingest.deliveries import DIGEST, HOST, delivery, pushed
from tests.servers.postgres import migrate


async def test_processes_with_the_same_events_in_another_order_do_not_deadlock(database: Database) -> None:
    inboxes = [PostgresInbox(database, patience=20.0) for _ in range(4)]
    around = InPostgres(inboxes[0], database)
    for number in range(20):
        await around.add_watch(f"app{number}", host=HOST, path=f"team/{number}")
    forward = [pushed(number, path=f"team/{number % 20}") for number in range(400)]
    orders = [forward, forward[::-1], forward[200:] + forward[:200], forward[::2] + forward[1::2]]

    receipts = await asyncio.gather(
        *(
            inbox.store(delivery(*events[start : start + 40]))
            for inbox, events in zip(inboxes, orders, strict=True)
            for start in range(0, 400, 40)
        )
    )

    assert sum(receipt.new for receipt in receipts) == 400
    assert sum(receipt.duplicates for receipt in receipts) == 1200
    assert len(await around.generations()) == 20


async def test_an_event_while_a_worker_releases_the_target_is_not_lost(database: Database) -> None:
    around = InPostgres(PostgresInbox(database, patience=20.0), database)
    target = await around.add_watch("app", host=HOST, path="team/app")
    async with database.transaction() as connection:
        await connection.execute("UPDATE targets SET due_at = NULL, lease_token = NULL, lease_until = NULL")
        await around.inbox.store(delivery(pushed(1)))
    assert await around.generations() == {target: 1}


async def test_what_the_registry_showed_before_is_kept_with_the_event(database: Database) -> None:
    around = InPostgres(PostgresInbox(database, patience=20.0), database)
    await around.add_watch("app", host=HOST, path="team/app")
    async with database.connection() as connection:
        await connection.execute("UPDATE watches SET desired_tag = 'v1', desired_digest = $1", DIGEST)
    await around.inbox.store(delivery(pushed(1, tag="v1"), pushed(2, tag="v2")))
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT before_digest FROM event_watches ORDER BY event_id")
    assert [row["before_digest"] for row in rows] == [DIGEST, ""]


async def test_the_body_of_an_odd_delivery_is_kept_as_it_came(database: Database) -> None:
    odd = Parsed(oddities=(Oddity(where="body", problem="is not JSON"),))
    sent = Delivery(delivery_id=uuid4(), source="main", size=4, parsed=odd, body=b"\x00\xff{\n")
    await PostgresInbox(database, patience=20.0).store(sent)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT body FROM deliveries") == b"\x00\xff{\n"


async def test_concurrent_deliveries_share_a_transaction(database: Database) -> None:
    inbox = PostgresInbox(database, patience=20.0)
    await asyncio.gather(*(inbox.store(delivery(pushed(number))) for number in range(100)))
    async with database.connection() as connection:
        transactions = await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM deliveries")
    assert transactions == 1


async def test_a_caller_that_waited_too_long_is_refused_and_the_others_are_served(database: Database) -> None:
    around = InPostgres(PostgresInbox(database, patience=0.2), database)
    await around.add_watch("app", host=HOST, path="team/app")
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE deliveries IN EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match=r"0\.2 s"):
            await around.inbox.store(delivery(pushed(1)))
    patient = PostgresInbox(database, patience=20.0)
    assert (await patient.store(delivery(pushed(2)))).new == 1


async def test_a_missing_table_is_an_outage_with_its_fix(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(StoreUnavailable, match="deliveries"):
        await PostgresInbox(database).store(delivery())
    await database.close()


async def test_it_finds_postgres_again_by_itself(private_postgres: EmbeddedPostgres) -> None:
    await asyncio.to_thread(migrate, private_postgres.url)
    database = Database(private_postgres.url)
    inbox = PostgresInbox(database, patience=5.0)
    await inbox.store(delivery(pushed(1)))

    await asyncio.to_thread(private_postgres.stop)
    with pytest.raises(StoreUnavailable):
        await inbox.store(delivery(pushed(2)))
    await asyncio.to_thread(private_postgres.start)

    assert (await _store_until_taken(inbox, pushed(2))).new == 1
    assert (await inbox.store(delivery(pushed(1)))).duplicates == 1
    await database.close()


async def _store_until_taken(inbox: PostgresInbox, event: PushEvent) -> Receipt:
    """As a registry does: the same event again after each refusal."""
    for _ in range(50):
        try:
            return await inbox.store(delivery(event))
        except StoreUnavailable:
            await asyncio.sleep(0.05)
    raise AssertionError("Postgres is up, and the inbox did not find it")


async def test_deliveries_that_are_stored_together_are_counted_each(database: Database) -> None:
    around = InPostgres(PostgresInbox(database, patience=20.0), database)
    target = await around.add_watch("app", host=HOST, path="team/app")
    first, two, none, stranger, again = await asyncio.gather(
        around.inbox.store(delivery(pushed(1))),
        around.inbox.store(delivery(pushed(2), pushed(3))),
        around.inbox.store(delivery()),
        around.inbox.store(delivery(pushed(4, path="team/unwatched"))),
        around.inbox.store(delivery(pushed(1))),
    )
    assert [(each.new, each.duplicates, each.target_ids) for each in (first, two, none, stranger, again)] == [
        (1, 0, (target,)),
        (2, 0, (target,)),
        (0, 0, ()),
        (1, 0, ()),
        (0, 1, ()),
    ]
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM deliveries") == 1
    assert await around.generations() == {target: 1}  # one wake for all


LONG = "".join(sha256(str(number).encode()).hexdigest() for number in range(200))  # more than an index can hold


@pytest.mark.parametrize("bad", [pushed(1, tag="a\x00b"), replace(pushed(1), event_id=LONG)])
async def test_events_that_postgres_cannot_store_are_counted_as_ignored(database: Database, bad: PushEvent) -> None:
    around = InPostgres(PostgresInbox(database, patience=20.0), database)
    odd = Oddity(where="events[2]", problem="has no 'action'")
    sent = delivery(bad, pushed(2))
    sent = replace(sent, parsed=replace(sent.parsed, oddities=(odd,)))
    receipt = await around.inbox.store(sent)
    assert (receipt.new, receipt.duplicates, receipt.ignored, len(receipt.oddities)) == (0, 0, 2, 2)
    assert (receipt.oddities[0], receipt.oddities[1].where) == (odd, "events")
    stored = await around.inbox.read(sent.delivery_id)
    assert stored is not None
    assert (stored.ignored, stored.events) == (2, ())
