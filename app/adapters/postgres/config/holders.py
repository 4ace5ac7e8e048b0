"""Which process runs with which configuration, by its last beat."""

from app.adapters.postgres.database.pool import Database
from app.services.config.differing import Holder

# Seconds. A beat is written every two seconds; a process without one for this long counts as ended.
_SILENT_AFTER = 10.0

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
        """Read them in one statement, by the database's clock."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_HOLDERS, _SILENT_AFTER, settled)
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
