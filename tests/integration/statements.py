"""A statement of a test's own, for a state that the stores would take long to come to."""

from app.adapters.postgres.database.pool import Database


async def execute(database: Database, query: str, *values: object) -> None:
    """Run it, committed; with values it is one statement, without any it may be a script."""
    async with database.connection() as connection:
        await connection.execute(query, *values)
