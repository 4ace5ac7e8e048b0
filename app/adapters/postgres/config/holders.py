"""Which processes run with which configuration, as they say at every beat."""

from app.adapters.postgres.database.pool import Database
from app.services.config.differing import Holder

# A beat is written every two seconds; one that was not seen for so long is taken to be gone.
_SEEN_WITHIN = 10.0

_HOLDERS = """
SELECT kind, host, pid, configuration, configuration_since FROM processes
WHERE configuration <> '' AND beat_at > clock_timestamp() - make_interval(secs => $1)
  AND configuration_since < clock_timestamp() - make_interval(secs => $2)
ORDER BY configuration_since, host, pid
LIMIT 1000
"""


class PostgresHolders:
    """`Holders` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def holders(self, *, settled: float) -> tuple[Holder, ...]:
        """In one statement, by the database's clock."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_HOLDERS, _SEEN_WITHIN, settled)
        return tuple(
            Holder(
                kind=row["kind"],
                host=row["host"],
                pid=row["pid"],
                configuration=row["configuration"],
                since=row["configuration_since"],
            )
            for row in rows
        )
