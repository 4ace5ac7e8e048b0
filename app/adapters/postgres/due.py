"""Make a target due, thoroughly, inside the transaction of what made it so."""

from app.adapters.postgres.pool import Connection

# Whoever makes a target due rings after the commit: the sweeper leaves it alone for its first seconds.
_DUE = """
UPDATE targets SET mark = mark + 1, thorough = true, due_at = clock_timestamp(), rung_at = clock_timestamp()
WHERE target_id = $1
"""


async def make_due(connection: Connection, target_id: int) -> None:
    """Move the target's mark, so that a look under way is followed by another."""
    await connection.execute(_DUE, target_id)
