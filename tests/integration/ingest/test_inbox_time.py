"""How long a delivery may take: a sender waits for a second, and a locked row must leave it time for another try."""

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import DOOR_LIMITS, PostgresInbox
from app.errors import StoreUnavailable
from tests.integration.ingest.deliveries import delivery


async def test_a_sender_is_answered_within_its_second(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE deliveries IN EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match=r"within 0\.9 s"):
            await PostgresInbox(database).store(delivery())


async def test_whoever_waits_for_a_lock_is_told_so(database: Database, database_url: str) -> None:
    door = Database(database_url, size=2, limits=DOOR_LIMITS)
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE deliveries IN EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match="another session holds a lock"):
            await PostgresInbox(database, door=door, patience=20.0).store(delivery())
    await door.close()


async def test_a_batch_that_meets_a_lock_leaves_time_to_store_each_alone(database: Database, database_url: str) -> None:
    """And Postgres ends what nobody waits for any more."""
    door = Database(database_url, size=1, limits=DOOR_LIMITS)
    await PostgresInbox(database, door=door, patience=20.0).store(delivery())
    async with door.connection() as connection:
        rows = await connection.fetch(
            "SELECT name, setting::float8 / 1000 AS seconds FROM pg_settings WHERE unit = 'ms'"
        )
    await door.close()
    seconds = {row["name"]: row["seconds"] for row in rows}
    assert 0 < 2 * seconds["lock_timeout"] < 0.9
    assert 0 < seconds["statement_timeout"] < 3


async def test_a_mistake_of_ours_is_refused_with_its_cause(database: Database) -> None:
    """The sender tries again, so a program that is mended meanwhile loses nothing."""
    inbox, sent = PostgresInbox(database, patience=20.0), delivery()
    await inbox.store(sent)
    with pytest.raises(StoreUnavailable, match="Postgres cannot store now: UniqueViolationError"):
        await inbox.store(sent)
