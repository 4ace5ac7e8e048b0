"""The audit log, written in the transaction of its command; and the request of an idempotency key."""

from collections.abc import Iterable
from uuid import UUID

from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.rollouts import LABEL
from app.adapters.postgres.notify.notifications import MAX_DETAIL, storable
from app.services.commands.audit import AuditAction
from app.services.commands.watch_commands import KnownRequest

_RECORD = """
INSERT INTO audit_log (actor, watch_name, action, detail, reason, rollout_id, delivery_id)
SELECT $1, watch_name, $3, $4, $5, $6, $7 FROM unnest($2::text[]) watch_name
"""

# The label names all watches of the rollout; `tag` is that of the watch $2.
_KNOWN_REQUEST = f"""
SELECT r.target_id, {LABEL} AS what, coalesce(max(rw.tag) FILTER (WHERE rw.watch_name = $2), '') AS tag
FROM rollouts r LEFT JOIN rollout_watches rw USING (rollout_id)
WHERE r.rollout_id = $1 GROUP BY r.target_id
"""


async def record(
    connection: Connection,
    action: AuditAction,
    *,
    by: str,
    watches: Iterable[str | None] = (None,),
    detail: str,
    reason: str = "",
    rollout_id: UUID | None = None,
    delivery_id: UUID | None = None,
) -> None:
    """Write one entry for each of the watches; None is for a command about everything."""
    values = (storable(by, MAX_DETAIL), list(watches), action.value, storable(detail, MAX_DETAIL), reason)
    await connection.execute(_RECORD, *values, rollout_id, delivery_id)


async def known_request(
    connection: Connection, idempotency_key: UUID, *, target_id: int, watch: str = ""
) -> KnownRequest | None:
    """The rollout that was requested with this key, compared with the target; None when there is none."""
    row = await connection.fetchrow(_KNOWN_REQUEST, idempotency_key, watch)
    if row is None:
        return None
    return KnownRequest(
        rollout_id=idempotency_key, same_target=row["target_id"] == target_id, what=row["what"], tag=row["tag"]
    )
