"""The store of the configured channels."""

from collections.abc import Collection

from app.adapters.postgres.database.pool import Database

_REMOVE = "DELETE FROM channels WHERE name <> ALL($1)"

_ADD = "INSERT INTO channels (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"

_GIVE_UP = """
WITH given_up AS (
  UPDATE notification_deliveries SET given_up_at = clock_timestamp(), next_attempt_at = NULL, problem = $2,
    lease_token = NULL, lease_until = NULL
  WHERE sent_at IS NULL AND given_up_at IS NULL AND channel <> ALL($1) RETURNING 1)
SELECT count(*) FROM given_up
"""


class PostgresChannels:
    """`Channels` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, names: Collection[str], *, problem: str) -> int:
        """Write the difference in one transaction."""
        configured = sorted(names)
        async with self._database.transaction() as connection:
            await connection.execute(_REMOVE, configured)
            await connection.execute(_ADD, configured)
            given_up: int = await connection.fetchval(_GIVE_UP, configured, problem)
        return given_up
