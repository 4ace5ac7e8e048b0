"""A registration that Nomad accepted: recorded on its rollout and its watches, with its notifications."""

from collections.abc import Sequence
from uuid import UUID

from app.adapters.postgres.database.pool import Connection, Row
from app.adapters.postgres.database.stored import StoredChange, read_changes, read_recorded
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.domain import notification
from app.domain.history import History, after_registration
from app.domain.job import JobPatch, SourceState, Submission
from app.domain.notification import Registered, Subject

# A watch never returns to an older intent: the worker that registered may have been frozen, and newer rollouts recorded
# since. The same intent may be registered again, if Nomad did not have it.
_ITEMS = """
SELECT rw.watch_name, rw.tag, rw.digest, rw.message, rw.digest_changed, r.intent, w.specified, w.digests
FROM rollout_watches rw JOIN rollouts r USING (rollout_id)
JOIN watches w ON w.name = rw.watch_name AND w.target_id = r.target_id
WHERE r.rollout_id = $1 AND w.expected_intent <= r.intent ORDER BY w.name FOR UPDATE OF w
"""

_DEPLOYED = """
UPDATE watches SET expected_intent = $2, expected = $3, digests = $4, digest_tags = $5,
  drifted_at = NULL, drift_images = '{}', rebaseline = false
WHERE name = $1
"""

_SOURCE = "UPDATE watches SET source_stale = $2 WHERE name = ANY($1)"

# The registration of a patch is a fact about its rollout. It is recorded once, even when the lease was lost meanwhile
# or a command has ended the rollout. A patch that was replaced since no longer belongs to this rollout.
_SUBMITTED = """
UPDATE rollouts SET submitted_at = clock_timestamp(), evaluation_id = $2, submission_index = $3,
  submission_changed = $4, warnings = $5,
  state = CASE state WHEN 'requested' THEN 'submitted' ELSE state END,
  progressed_at = clock_timestamp(),
  follow_at = CASE state WHEN 'requested' THEN clock_timestamp() END, woken_at = clock_timestamp()
WHERE rollout_id = $1 AND submission_index IS NULL AND expected_index = $6
  AND (SELECT jsonb_object_agg(c->>'key', c->>'image') FROM jsonb_array_elements(changes) c) = $7
RETURNING state = 'submitted' AS is_active, changes
"""

_PLACE = "SELECT job_id, namespace FROM targets JOIN rollouts USING (target_id) WHERE rollout_id = $1"


async def write_submitted(
    connection: Connection, rollout_id: UUID, patch: JobPatch, submission: Submission
) -> list[int] | None:
    """Record that Nomad has the patch: on the rollout, and on the watches that no newer rollout has changed.

    Returns the notifications; None when it was recorded before, or when the rollout has another patch by now.
    """
    images = {str(key): change.image for key, change in patch.changes.items()}
    recorded = await connection.fetchrow(
        _SUBMITTED,
        rollout_id,
        submission.evaluation_id,
        submission.index,
        submission.changed,
        submission.warnings,
        patch.expected_index,
        images,
    )
    if recorded is None:
        return None
    changes = read_changes(recorded["changes"])
    deployed: Sequence[Row] = await connection.fetch(_ITEMS, rollout_id)
    for row in deployed:
        await _write_history(connection, row, changes)
    if submission.source is not SourceState.NONE:  # without a source nothing is known about it
        note = submission.source_note if submission.source is SourceState.STALE else ""
        await connection.execute(_SOURCE, [row["watch_name"] for row in deployed], storable(note, MAX_DETAIL))
    return await _deploying_notifications(connection, rollout_id, deployed) if recorded["is_active"] else []


async def _write_history(connection: Connection, row: Row, changes: Sequence[StoredChange]) -> None:
    history = after_registration(
        History(digests=row["digests"]),
        read_recorded(row["specified"]),
        {str(each.key): each.identity for each in changes if each.watch == row["watch_name"]},
        tag=row["tag"],
        digest=row["digest"],
    )
    await connection.execute(
        _DEPLOYED,
        row["watch_name"],
        row["intent"],
        dict(history.expected),
        dict(history.digests),
        dict(history.tags),
    )


async def _deploying_notifications(connection: Connection, rollout_id: UUID, deployed: Sequence[Row]) -> list[int]:
    """Notify that the rollout is in Nomad; `deployed` are its watches, from `_ITEMS`."""
    place = await connection.fetchrow(_PLACE, rollout_id)
    registered = [
        Registered(
            watch=row["watch_name"],
            tag=row["tag"],
            digest=row["digest"],
            reason=row["message"],
            digest_changed=row["digest_changed"],
        )
        for row in deployed
    ]
    subject = Subject(rollout_id=rollout_id, job_id=place["job_id"], namespace=place["namespace"])
    return await add_notifications(connection, *notification.of_registration(registered, subject))
