"""The store of due work: claimed in batches with SKIP LOCKED, by the database's clock."""

from collections.abc import Sequence

import structlog

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import end_stuck
from app.adapters.postgres.notify.notifications import PostgresNotifications
from app.services.wakeup.schedule import Overdue

log = structlog.get_logger()

# A jitter of 10 % spreads targets that were configured at the same moment.
_POLL = """
UPDATE targets SET poll_at = clock_timestamp() + make_interval(secs => $1 * (0.9 + 0.2 * random())),
  generation = generation + 1, polled = true, due_at = least(coalesce(due_at, clock_timestamp()), clock_timestamp()),
  woken_at = clock_timestamp()
WHERE target_id IN (
  SELECT target_id FROM targets t
  WHERE poll_at <= clock_timestamp() AND EXISTS (SELECT 1 FROM watches w WHERE w.target_id = t.target_id AND present)
  ORDER BY poll_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING target_id
"""

# A wake-up message counts as lost when no worker claimed the work within these times.
_TARGETS = """
WITH overdue AS (
  SELECT target_id, min(since) AS since FROM (
    SELECT target_id, due_at AS since FROM targets WHERE due_at <= clock_timestamp() - interval '300 milliseconds'
    UNION ALL
    SELECT target_id, created_at FROM wakes WHERE created_at <= clock_timestamp() - interval '1500 milliseconds'
  ) due GROUP BY target_id)
UPDATE targets SET woken_at = clock_timestamp() WHERE target_id IN (
  SELECT t.target_id FROM targets t JOIN overdue USING (target_id)
  WHERE (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (woken_at IS NULL OR woken_at < clock_timestamp() - interval '1500 milliseconds')
    AND (EXISTS (SELECT 1 FROM watches w WHERE w.target_id = t.target_id AND present)
      OR EXISTS (SELECT 1 FROM rollouts r WHERE r.target_id = t.target_id AND r.state = 'requested'))
  ORDER BY overdue.since LIMIT $1 FOR UPDATE OF t SKIP LOCKED)
RETURNING target_id
"""

_ROLLOUTS = """
UPDATE rollouts SET woken_at = clock_timestamp() WHERE rollout_id IN (
  SELECT rollout_id FROM rollouts
  WHERE state = 'submitted' AND follow_at <= clock_timestamp() - interval '300 milliseconds'
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (woken_at IS NULL OR woken_at < clock_timestamp() - interval '1500 milliseconds')
  ORDER BY follow_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING rollout_id
"""


class PostgresSchedule:
    """`Schedule` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._notifications = PostgresNotifications(database)

    async def due_for_poll(self, *, interval: float, limit: int) -> Sequence[int]:
        """Claim a batch of targets whose poll is due."""
        async with self._database.connection() as connection:
            return [row["target_id"] for row in await connection.fetch(_POLL, interval, limit)]

    async def overdue(self, *, limit: int) -> Overdue:
        """Claim a batch of rows whose wake-up was lost; before that, end the sessions of stuck processes."""
        async with self._database.connection() as connection:
            if stuck := await end_stuck(connection):
                log.warning("sessions.ended", count=stuck, problem="they held a transaction open and made no progress")
            targets = [row["target_id"] for row in await connection.fetch(_TARGETS, limit)]
            rollouts = [row["rollout_id"] for row in await connection.fetch(_ROLLOUTS, limit)]
        return Overdue(
            targets=targets, rollouts=rollouts, notification_deliveries=await self._notifications.overdue(limit)
        )
