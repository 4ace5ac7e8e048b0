"""The store of processes: one row each, written at every beat, by the database's clock."""

from uuid import UUID

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.stored import write_loops
from app.services.processes.presence import Heartbeat

FORGOTTEN = 60.0  # seconds; the row of a process that was silent for longer is deleted
PATIENCE = 3.0  # seconds that a beat may take

# SKIP LOCKED: a frozen process that holds a row must not delay the beats of the others.
_BEAT = """
WITH forgotten AS (
  DELETE FROM processes WHERE process_id IN (
    SELECT process_id FROM processes
    WHERE beat_at < clock_timestamp() - make_interval(secs => $8) AND process_id <> $1
    FOR UPDATE SKIP LOCKED))
INSERT INTO processes (process_id, kind, host, pid, started_at, configuration, loops)
VALUES ($1, $2, $3, $4, clock_timestamp() - make_interval(secs => $5), $6, $7)
ON CONFLICT (process_id) DO UPDATE SET
  beat_at = clock_timestamp(), loops = excluded.loops, configuration = excluded.configuration,
  configuration_since = CASE WHEN processes.configuration = excluded.configuration
    THEN processes.configuration_since ELSE clock_timestamp() END
"""

_LEAVE = "DELETE FROM processes WHERE process_id = $1"


class PostgresPresences:
    """`Presences` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, beat: Heartbeat) -> None:
        """Write the row, in one statement."""
        async with self._database.connection() as connection:
            await connection.execute(
                _BEAT,
                beat.process_id,
                beat.kind.value,
                beat.host,
                beat.pid,
                beat.age,
                beat.configuration,
                write_loops(beat.loops),
                FORGOTTEN,
                timeout=PATIENCE,
            )

    async def leave(self, process_id: UUID) -> None:
        """Delete the row, in one statement."""
        async with self._database.connection() as connection:
            await connection.execute(_LEAVE, process_id)
