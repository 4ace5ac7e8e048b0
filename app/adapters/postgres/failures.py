"""What the failure of a rollout leaves: its digests are held, and what ran before is asked for, where it is wanted."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from app.adapters.postgres.database.rollouts import insert_rollout, write_item
from app.adapters.postgres.pool import Connection, Row
from app.domain.rollout import Origin, Outcome, OutcomeKind

_HOLD = """
INSERT INTO failures (watch_name, digest, rollout_id)
SELECT watch_name, digest, rollout_id FROM rollout_watches WHERE rollout_id = $1
ON CONFLICT (watch_name, digest) DO UPDATE
SET rollout_id = excluded.rollout_id, failed_at = clock_timestamp(), released_at = NULL, released_by = ''
"""

# Nomad may have gone back to an older version: the next look takes what it finds as ours, no change by hand.
_ADOPT = """
UPDATE watches SET adopt = true WHERE name IN (SELECT watch_name FROM rollout_watches WHERE rollout_id = $1)
"""

_FORGIVE = """
DELETE FROM failures f USING rollout_watches rw
WHERE rw.rollout_id = $1 AND f.watch_name = rw.watch_name AND f.digest = rw.digest
RETURNING f.watch_name
"""

# What ran before, unless it failed itself: then what succeeded last. A redeploy of what ran has nothing to go back to.
_GOOD_BEFORE = """
WITH held AS (SELECT watch_name, digest FROM failures WHERE released_at IS NULL),
former AS (
  SELECT rw.watch_name, rw.from_tag AS tag, rw.from_digest AS digest, 0 AS age
  FROM rollout_watches rw WHERE rw.rollout_id = $1 AND rw.from_digest <> ''
  UNION ALL
  SELECT p.watch_name, p.tag, p.digest, r.intent
  FROM rollouts mine
  JOIN rollouts r ON r.target_id = mine.target_id AND r.intent < mine.intent AND r.outcome = 'succeeded'
  JOIN rollout_watches p ON p.rollout_id = r.rollout_id
  WHERE mine.rollout_id = $1)
SELECT DISTINCT ON (rw.watch_name) rw.watch_name, former.tag, former.digest
FROM rollout_watches rw
JOIN watches w ON w.name = rw.watch_name AND w.present AND w.revert_on_failure AND NOT w.observe_only
JOIN former ON former.watch_name = rw.watch_name
WHERE rw.rollout_id = $1 AND rw.from_digest <> rw.digest AND former.digest <> rw.digest
  AND NOT EXISTS (SELECT FROM held WHERE held.watch_name = rw.watch_name AND held.digest = former.digest)
  AND NOT (SELECT paused FROM switches)
ORDER BY rw.watch_name, former.age = 0 DESC, former.age DESC
"""


async def hold(connection: Connection, rollout_id: UUID) -> None:
    """Hold the rollout's digests as failed, until a person releases them or one of them succeeds after all."""
    await connection.execute(_HOLD, rollout_id)


async def adopt(connection: Connection, rollout_id: UUID) -> None:
    """Let the next look take the job as it is, as if we had left it so."""
    await connection.execute(_ADOPT, rollout_id)


async def forgive(connection: Connection, rollout_id: UUID) -> Sequence[str]:
    """The rollout's digests run: that they failed once is no matter any more. Returns the watches where they had."""
    return [row["watch_name"] for row in await connection.fetch(_FORGIVE, rollout_id)]


async def good_before(connection: Connection, rollout_id: UUID, origin: str) -> Sequence[Row]:
    """(watch_name, tag, digest) to go back to; none for what goes back itself: that would go on for ever."""
    if Origin(origin).goes_back:
        return ()
    found: Sequence[Row] = await connection.fetch(_GOOD_BEFORE, rollout_id)
    return found


async def request_undo(connection: Connection, rollout_id: UUID, target_id: int, going_back: Sequence[Row]) -> None:
    """Ask for a rollout that takes the ended one back."""
    undo_id = uuid4()
    await insert_rollout(connection, undo_id, target_id, Origin.UNDO, undoes=rollout_id)
    for row in going_back:
        await write_item(connection, undo_id, watch=row["watch_name"], tag=row["tag"], digest=row["digest"])


def told(outcome: Outcome, going_back: Sequence[Row]) -> Outcome:
    """The outcome, saying what we go back to, and that what failed is held."""
    if outcome.kind is not OutcomeKind.FAILED:
        return outcome
    what = ", ".join(f"{row['watch_name']} {row['tag'] or row['digest']}" for row in going_back)
    back = f"; going back to {what}" if going_back else ""
    return replace(outcome, reason=f"{outcome.reason}{back}; what failed is held: release it, or push something newer")
