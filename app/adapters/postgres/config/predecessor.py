"""Imports the rules of the Go service's table `deployed_repository_version`, and does not change that table.

Each row is imported once: when the table is first found, for the watches whose rule no command has changed here; later,
when a watch first appears. So a repository may move here at any time, and a rule of ours is never overwritten.
"""

from collections.abc import Sequence

import asyncpg

from app.adapters.postgres.database.pool import Connection
from app.errors import Permanent

TABLE = "deployed_repository_version"

# As jsonb, so that a missing or nullable column, or another type, is no error.
_ROWS = f"SELECT to_jsonb(old) AS rule FROM {TABLE} old"

_WAS_IMPORTED = "SELECT EXISTS (SELECT FROM imports WHERE name = $1)"

_TAKE_OVER = """
UPDATE watches SET pinned_tag = old.pinned_tag, auto_deploy = old.auto_deploy
FROM unnest($1::text[], $2::text[], $3::boolean[]) AS old (name, pinned_tag, auto_deploy)
WHERE watches.name = old.name AND commanded_at IS NULL AND ($4::text[] IS NULL OR watches.name = ANY($4))
RETURNING watches.target_id
"""

_RECORD = """
INSERT INTO imports (name, rows) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET rows = imports.rows + excluded.rows
"""


async def take_over(connection: Connection, new: Sequence[str]) -> list[int]:
    """Give watches their predecessor's rules; `new` are those that appeared for the first time in this transaction.

    Returns the target of each watch that got one. Raises Permanent when we may not read the table: without it we would
    deploy a watch that a person has switched off.
    """
    if await connection.fetchval("SELECT to_regclass($1) IS NULL", TABLE):
        return []
    before = await connection.fetchval(_WAS_IMPORTED, TABLE)
    if before and not new:
        return []
    try:
        rows = [row["rule"] for row in await connection.fetch(_ROWS)]
    except asyncpg.InsufficientPrivilegeError as error:
        raise Permanent(
            f"the predecessor's table {TABLE} may not be read: "
            f"GRANT SELECT ON {TABLE} to this program's user, or rename the table to start without it"
        ) from error
    named = [row for row in rows if isinstance(row.get("repository_name"), str)]
    targets = await connection.fetch(
        _TAKE_OVER,
        [row["repository_name"] for row in named],
        [str(row.get("pinned_tag") or "") for row in named],
        [str(row.get("auto_deploy")).lower() not in ("false", "f", "0", "off", "no") for row in named],
        list(new) if before else None,
    )
    if targets or not before:
        await connection.execute(_RECORD, TABLE, len(targets))
    return [row["target_id"] for row in targets]
