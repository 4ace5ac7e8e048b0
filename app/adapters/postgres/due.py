"""Make targets due, inside the transaction of what made them so, without waiting for anybody's lock on their rows."""

from collections.abc import Iterable

from app.adapters.postgres.pool import Connection

# Whoever makes a target due rings after the commit: the sweeper leaves it alone for its first seconds.
_WAKE = "INSERT INTO wakes (target_id) SELECT DISTINCT unnest($1::bigint[])"


async def make_due(connection: Connection, target_ids: Iterable[int]) -> None:
    """Have the targets looked at thoroughly: a look under way is followed by another, and back-offs begin anew."""
    await connection.execute(_WAKE, list(target_ids))
