"""When each set of watches, by fingerprint, came into force, and which a person accepted. No decisions here."""

from app.adapters.postgres.database.pool import Connection
from app.domain.configuration import ConfigurationState

# A person accepts the current content of the file. An acceptance that no process used within an hour expires.
_STATE = """
SELECT (SELECT revision FROM configurations WHERE fingerprint = $1) AS revision,
  (SELECT max(revision) FROM configurations) AS newest,
  EXISTS (SELECT FROM configurations WHERE fingerprint = $1
    AND accepted_at > clock_timestamp() - interval '1 hour') AS accepted
"""

_TAKE = """
INSERT INTO configurations (fingerprint, revision, in_force_at)
VALUES ($1, (SELECT coalesce(max(revision), 0) + 1 FROM configurations), clock_timestamp())
ON CONFLICT (fingerprint) DO UPDATE
SET revision = excluded.revision, in_force_at = excluded.in_force_at, accepted_at = NULL
"""

_ACCEPT = """
INSERT INTO configurations (fingerprint, accepted_at, accepted_by) VALUES ($1, clock_timestamp(), $2)
ON CONFLICT (fingerprint) DO UPDATE SET accepted_at = excluded.accepted_at, accepted_by = excluded.accepted_by
"""


async def state(connection: Connection, fingerprint: str) -> ConfigurationState:
    """The stored state of the watches with this fingerprint. The caller holds the lock of the sync."""
    row = await connection.fetchrow(_STATE, fingerprint)
    return ConfigurationState(revision=row["revision"], newest=row["newest"], accepted=row["accepted"])


async def take(connection: Connection, fingerprint: str) -> None:
    """Put these watches in force, from this transaction on. The caller holds the lock of the sync."""
    await connection.execute(_TAKE, fingerprint)


async def accept(connection: Connection, fingerprint: str, *, by: str) -> None:
    """Store that a person accepts these watches: the next process that reads them puts them in force."""
    await connection.execute(_ACCEPT, fingerprint, by)
