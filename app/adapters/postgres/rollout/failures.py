"""Failed digests after the end of a rollout, and the rows from which the domain chooses the target of an undo."""

from collections.abc import Sequence
from uuid import UUID

from app.adapters.postgres.database.pool import Connection, Row
from app.adapters.postgres.notify.notifications import storable
from app.domain.undo import Candidate, FailedItem

_MAX_CAUSE = 400

_HOLD = """
INSERT INTO failures (watch_name, digest, rollout_id, cause)
SELECT watch_name, digest, rollout_id, $2 FROM rollout_watches WHERE rollout_id = $1
ON CONFLICT (watch_name, digest) DO UPDATE
SET rollout_id = excluded.rollout_id, cause = excluded.cause,
  failed_at = clock_timestamp(), released_at = NULL, released_by = ''
"""

# Nomad may have reverted to an older version: the next reconcile takes the job as our baseline, not as a drift.
_REBASELINE = """
UPDATE watches SET rebaseline = true WHERE name IN (SELECT watch_name FROM rollout_watches WHERE rollout_id = $1)
"""

_FORGIVE = """
DELETE FROM failures f USING rollout_watches rw
WHERE rw.rollout_id = $1 AND f.watch_name = rw.watch_name AND f.digest = rw.digest
RETURNING f.watch_name
"""

_ITEMS = """
SELECT rw.watch_name, rw.digest, rw.from_tag, rw.from_digest, w.present, w.observe_only, w.revert_on_failure,
  array(SELECT digest FROM failures f WHERE f.watch_name = rw.watch_name AND f.released_at IS NULL) AS held
FROM rollout_watches rw JOIN watches w ON w.name = rw.watch_name
WHERE rw.rollout_id = $1 ORDER BY rw.watch_name
"""

# Each digest once, with the tag and the intent of its newest rollout.
_SUCCEEDED = """
SELECT watch_name, tag, digest FROM (
  SELECT DISTINCT ON (p.watch_name, p.digest) p.watch_name, p.tag, p.digest, r.intent
  FROM rollouts mine
  JOIN rollouts r ON r.target_id = mine.target_id AND r.intent < mine.intent AND r.outcome = 'succeeded'
  JOIN rollout_watches p ON p.rollout_id = r.rollout_id
  WHERE mine.rollout_id = $1 ORDER BY p.watch_name, p.digest, r.intent DESC) known
ORDER BY intent DESC
"""


async def hold(connection: Connection, rollout_id: UUID, cause: str) -> None:
    """Hold the rollout's digests as failed, until a person releases them, or a later rollout of them succeeds."""
    await connection.execute(_HOLD, rollout_id, storable(cause, _MAX_CAUSE))


async def rebaseline(connection: Connection, rollout_id: UUID) -> None:
    """Let the next reconcile take the job as it is, as the new baseline."""
    await connection.execute(_REBASELINE, rollout_id)


async def forgive(connection: Connection, rollout_id: UUID) -> Sequence[str]:
    """The rollout's digests run now: delete their failures. Returns the watches that had one."""
    return [row["watch_name"] for row in await connection.fetch(_FORGIVE, rollout_id)]


async def failed_items(connection: Connection, rollout_id: UUID) -> list[FailedItem]:
    """The rollout's items, each with the candidates for an undo."""
    items = await connection.fetch(_ITEMS, rollout_id)
    succeeded = await connection.fetch(_SUCCEEDED, rollout_id)
    return [_failed_item(row, succeeded) for row in items]


def _failed_item(row: Row, succeeded: Sequence[Row]) -> FailedItem:
    return FailedItem(
        watch=row["watch_name"],
        digest=row["digest"],
        before=Candidate(tag=row["from_tag"], digest=row["from_digest"]),
        succeeded=tuple(
            Candidate(tag=each["tag"], digest=each["digest"])
            for each in succeeded
            if each["watch_name"] == row["watch_name"]
        ),
        held=frozenset(row["held"]),
        present=row["present"],
        observe_only=row["observe_only"],
        revert_on_failure=row["revert_on_failure"],
    )
