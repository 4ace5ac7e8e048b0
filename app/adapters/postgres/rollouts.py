"""The store of rollouts that are under way: the lease for one short look, the next look, and the end."""

from uuid import UUID, uuid4

from app.adapters.postgres.due import make_due
from app.adapters.postgres.notices import storable
from app.adapters.postgres.pool import Database
from app.adapters.postgres.rollout_rows import end_rollout
from app.domain.job import Submission
from app.domain.rollout import Course, Outcome, OutcomeKind
from app.domain.watch import JobPlace
from app.services.observe import Followed

_CLAIM = """
UPDATE rollouts r SET lease_token = $2, lease_until = clock_timestamp() + make_interval(secs => $3)
FROM targets t
WHERE r.rollout_id = $1 AND t.target_id = r.target_id AND r.state = 'submitted'
  AND r.next_look_at <= clock_timestamp() + interval '25 milliseconds'
  AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp())
RETURNING r.*, t.region, t.namespace, t.job_id, clock_timestamp() AS now
"""

_WAIT = """
UPDATE rollouts SET note = $3, next_look_at = clock_timestamp() + make_interval(secs => $4),
  moved_at = CASE WHEN progress = $5 THEN moved_at ELSE clock_timestamp() END, progress = $5,
  lease_token = NULL, lease_until = NULL, rung_at = NULL
WHERE rollout_id = $1 AND lease_token = $2 AND state = 'submitted'
"""

# As everywhere, the target is locked first.
_LOCK = "SELECT 1 FROM targets WHERE target_id = $1 FOR NO KEY UPDATE"

_STILL_HELD = "SELECT 1 FROM rollouts WHERE rollout_id = $1 AND lease_token = $2 AND ended_at IS NULL FOR UPDATE"

_FAILED = """
INSERT INTO failures (watch_name, digest, rollout_id)
SELECT watch_name, digest, rollout_id FROM rollout_watches WHERE rollout_id = $1
ON CONFLICT (watch_name, digest) DO UPDATE SET rollout_id = excluded.rollout_id, failed_at = clock_timestamp()
"""

# Nomad may have gone back to an older version: the next look takes what it finds as ours, no change by hand.
_ADOPT = """
UPDATE watches SET adopt = true WHERE name IN (SELECT watch_name FROM rollout_watches WHERE rollout_id = $1)
"""

_RELEASED = """
DELETE FROM failures f USING rollout_watches rw
WHERE rw.rollout_id = $1 AND f.watch_name = rw.watch_name AND f.digest = rw.digest
"""

MAX_NOTE = 1000


class PostgresRollouts:
    """`Rollouts` on Postgres; times and leases are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, rollout_id: UUID, lease_seconds: float) -> Followed | None:
        """Take the lease in one statement."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, rollout_id, uuid4(), lease_seconds)
        if row is None:
            return None
        submission = Submission(
            index=row["submission_index"],
            evaluation_id=row["evaluation_id"],
            changed=row["submission_changed"],
            warnings=row["warnings"],
        )
        return Followed(
            rollout_id=rollout_id,
            token=row["lease_token"],
            target_id=row["target_id"],
            place=JobPlace(region=row["region"], namespace=row["namespace"], job_id=row["job_id"]),
            course=Course(submission=submission, started_at=row["submitted_at"], moved_at=row["moved_at"]),
            progress=row["progress"],
            now=row["now"],
        )

    async def wait(self, followed: Followed, *, progress: str, seconds: float, note: str) -> None:
        """Let the lease go; a lease that was lost meanwhile changes nothing."""
        async with self._database.connection() as connection:
            await connection.execute(
                _WAIT, followed.rollout_id, followed.token, storable(note, MAX_NOTE), seconds, progress
            )

    async def end(self, followed: Followed, outcome: Outcome) -> tuple[int, ...]:
        """End it in one transaction with its notice and with what its end means for the next decision."""
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK, followed.target_id)
            if await connection.fetchval(_STILL_HELD, followed.rollout_id, followed.token) is None:
                return ()
            if outcome.kind is OutcomeKind.FAILED:
                await connection.execute(_FAILED, followed.rollout_id)
                await connection.execute(_ADOPT, followed.rollout_id)
            if outcome.kind is OutcomeKind.SUCCEEDED:
                await connection.execute(_RELEASED, followed.rollout_id)
            notices = await end_rollout(connection, followed.rollout_id, outcome)
            await make_due(connection, followed.target_id)
        return tuple(notices)
