"""The end of a rollout, and canaries that wait, each with its notification. The caller has locked the target's row."""

from uuid import UUID

from app.adapters.postgres.database.pool import Connection, Row
from app.adapters.postgres.database.rollouts import label_of
from app.adapters.postgres.database.stored import read_diagnosis
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.adapters.postgres.rollout.launches import keep_in_flight
from app.domain import notification
from app.domain.notification import Subject
from app.domain.rollout import Outcome, OutcomeKind

_END = f"""
UPDATE rollouts SET state = 'ended', outcome = $2, reason = $3, ended_at = clock_timestamp(), follow_at = NULL,
  lease_token = NULL, lease_until = NULL
WHERE rollout_id = $1 AND ended_at IS NULL
RETURNING rollout_id, diagnosis, (SELECT job_id FROM targets t WHERE t.target_id = rollouts.target_id) AS job_id,
  (SELECT namespace FROM targets t WHERE t.target_id = rollouts.target_id) AS namespace,
  (SELECT array_agg(watch_name ORDER BY watch_name) FROM rollout_watches rw WHERE rw.rollout_id = $1) AS names,
  {label_of("$1")} AS what
"""

_SUBJECT = f"""
SELECT job_id, namespace,
  (SELECT array_agg(watch_name ORDER BY watch_name) FROM rollout_watches rw WHERE rw.rollout_id = $1) AS names,
  {label_of("$1")} AS what
FROM rollouts JOIN targets USING (target_id) WHERE rollout_id = $1
"""


async def end_rollout(connection: Connection, rollout_id: UUID, outcome: Outcome) -> list[int]:
    """End the rollout with its notification; nothing is written when it has ended already."""
    row = await connection.fetchrow(_END, rollout_id, outcome.kind.value, storable(outcome.reason, MAX_DETAIL))
    if row is None:
        return []
    ended = notification.of_outcome(
        row["what"], outcome, read_diagnosis(row["diagnosis"]), _subject(row, rollout_id=rollout_id)
    )
    return await add_notifications(connection, ended)


async def supersede(connection: Connection, rollout_id: UUID, reason: str) -> list[int]:
    """End the rollout because a person requested another. A worker may still be registering its patch."""
    notifications = await end_rollout(connection, rollout_id, Outcome(kind=OutcomeKind.SUPERSEDED, reason=reason))
    await keep_in_flight(connection, rollout_id)
    return notifications


async def canaries_notification(connection: Connection, rollout_id: UUID, note: str) -> list[int]:
    """Notify that the rollout's canaries wait for a person."""
    row = await connection.fetchrow(_SUBJECT, rollout_id)
    waiting = notification.of_waiting_canaries(row["what"], note, _subject(row, rollout_id=rollout_id))
    return await add_notifications(connection, waiting)


def _subject(row: Row, *, rollout_id: UUID) -> Subject:
    return Subject(
        watch_names=tuple(row["names"] or ()),
        rollout_id=rollout_id,
        job_id=row["job_id"],
        namespace=row["namespace"],
    )
