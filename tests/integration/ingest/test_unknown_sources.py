"""Posts of sources that nobody configured: counted, and the latest hundred kept."""

import asyncio

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox


async def counts(database: Database) -> dict[str, int]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT source, deliveries FROM unknown_sources")
    return {row["source"]: row["deliveries"] for row in rows}


async def test_whoever_posts_again_stays_and_the_oldest_is_forgotten(database: Database) -> None:
    inbox = PostgresInbox(database)
    for source in ("blocked", "early", *(f"stranger {number}" for number in range(98)), "blocked", "one more"):
        await inbox.note_unknown(source)
    found = await counts(database)
    assert (len(found), found["blocked"], found["one more"], "early" in found) == (100, 2, 1, False)


async def test_of_those_that_wait_for_postgres_the_first_hundred_count(database: Database) -> None:
    """Anyone can post, so they fill no memory."""
    inbox = PostgresInbox(database)
    await inbox.note_unknown("first")
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM unknown_sources FOR UPDATE")
        writing = asyncio.create_task(inbox.note_unknown("first"))
        await asyncio.sleep(0)  # it is being written, so that the others wait
        for number in range(120):
            await inbox.note_unknown(f"stranger {number}")
        await inbox.note_unknown("stranger 0")
    await writing
    assert await counts(database) == {**{f"stranger {number}": 1 for number in range(100)}, "stranger 0": 2}
