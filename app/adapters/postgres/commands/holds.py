"""Releases the holds of a watch that wait for a person: failed digests, a rollback, a drift."""

from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.targets import make_due
from app.domain.hold_expiry import holds
from app.services.commands.watch_commands import Released

_STATE = """
SELECT coalesce(d.message, '') AS message, coalesce(d.reason, '') AS decided, w.rolled_back_at, w.drifted_at,
  w.commanded_at, (SELECT max(first_found_at) FROM found_digests s WHERE s.watch_name = w.name) AS newest_found_at
FROM watches w LEFT JOIN decisions d USING (decision_id)
WHERE w.name = $1
"""

_RELEASE = """
UPDATE failures f SET released_at = clock_timestamp(), released_by = $2
WHERE watch_name = $1 AND released_at IS NULL
RETURNING digest, coalesce((SELECT tag FROM rollout_watches rw
  WHERE rw.rollout_id = f.rollout_id AND rw.watch_name = $1), '') AS tag
"""

_COMMANDED = "UPDATE watches SET commanded_at = clock_timestamp() WHERE name = $1"

_SIBLINGS = """
SELECT DISTINCT o.target_id FROM watches o
JOIN watches w ON w.repository_path = o.repository_path AND w.repository_host = o.repository_host
WHERE w.name = $1 AND o.target_id <> w.target_id AND o.present ORDER BY o.target_id
"""


async def release(connection: Connection, name: str, target_id: int, *, by: str) -> Released:
    """Release the watch; nothing is written without a hold. The caller has locked its row and its target's row."""
    state = await connection.fetchrow(_STATE, name)
    failed = await connection.fetch(_RELEASE, name, by)
    rolled_back, drifted = (
        holds(
            state[column],
            commanded_at=state["commanded_at"],
            newest_found_at=state["newest_found_at"],
            decided=state["decided"],
        )
        for column in ("rolled_back_at", "drifted_at")
    )
    if not (failed or rolled_back or drifted):
        return Released(state=state["message"])
    await connection.execute(_COMMANDED, name)
    return Released(
        state=state["message"],
        failed=tuple(f"{row['tag']} {row['digest']}".strip() for row in failed),
        rolled_back=rolled_back,
        drifted=drifted,
        due=(target_id,),
    )


async def make_siblings_due(connection: Connection, name: str) -> tuple[int, ...]:
    """Make the other jobs of the watch's repository due: the failure here may have held their rollouts."""
    siblings = tuple(row["target_id"] for row in await connection.fetch(_SIBLINGS, name))
    await make_due(connection, siblings)
    return siblings
