"""The switches for the whole installation."""

from app.adapters.postgres.database.pool import Connection


async def is_paused(connection: Connection) -> bool:
    """Whether all automatic deploys are paused now."""
    return bool(await connection.fetchval("SELECT paused FROM switches"))
