"""Lock a target, and make targets due. Every transaction locks a target before its watches and its rollouts."""

from collections.abc import Iterable
from uuid import UUID

from app.adapters.postgres.database.pool import Connection, Row

# The caller wakes a worker after the commit, so the sweeper skips a new wake for a second and a half.
_WAKE = "INSERT INTO wakes (target_id) SELECT DISTINCT unnest($1::bigint[])"

_LOCK = "SELECT target_id, job_id, namespace, lease_token FROM targets WHERE target_id = {target_id} FOR NO KEY UPDATE"

_LOCK_BY_ID = _LOCK.format(target_id="$1")

_LOCK_OF_WATCH = _LOCK.format(target_id="(SELECT target_id FROM watches WHERE name = $1 AND present)")


async def make_due(connection: Connection, target_ids: Iterable[int]) -> None:
    """Make the targets due: the next reconcile reads the job, one that is running is followed by another, and the
    backoff starts again.

    It waits for no lock on their rows.
    """
    await connection.execute(_WAKE, list(target_ids))


async def lock(connection: Connection, target_id: int) -> None:
    """Lock the target until the transaction ends."""
    await connection.execute(_LOCK_BY_ID, target_id)


async def lock_with(connection: Connection, target_id: int, lease_token: UUID) -> bool:
    """Lock the target; True if it still has the lease with that token."""
    row = await connection.fetchrow(_LOCK_BY_ID, target_id)
    return row is not None and row["lease_token"] == lease_token


async def lock_of_watch(connection: Connection, name: str) -> Row:
    """Lock the target of the watch (target_id, job_id, namespace); None when there is no such watch."""
    return await connection.fetchrow(_LOCK_OF_WATCH, name)
