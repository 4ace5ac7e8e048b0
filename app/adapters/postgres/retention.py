"""Forget old history: deliveries, decisions, notices and rollouts past their time, in batches."""

from app.adapters.postgres.pool import Database

_KEPT_ROLLOUTS = 50

_DELIVERIES = """
DELETE FROM deliveries WHERE delivery_id IN (
  SELECT delivery_id FROM deliveries d
  WHERE received_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT 1 FROM events JOIN event_watches USING (event_id)
                    WHERE delivery_id = d.delivery_id AND settled_at IS NULL)
  LIMIT $2)
"""

_DECISIONS = """
DELETE FROM decisions WHERE decision_id IN (
  SELECT decision_id FROM decisions d
  WHERE last_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.decision_id = d.decision_id)
  LIMIT $2)
"""

_NOTICES = """
DELETE FROM notices WHERE notice_id IN (
  SELECT notice_id FROM notices
  WHERE created_at < clock_timestamp() - make_interval(days => $1) AND (sent_at IS NOT NULL OR dead_at IS NOT NULL)
  LIMIT $2)
"""

# The last rollouts of each watch are always kept, however old.
_ROLLOUTS = f"""
DELETE FROM rollouts WHERE rollout_id IN (
  SELECT r.rollout_id FROM rollouts r
  WHERE ended_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (
      SELECT 1 FROM rollout_watches rw WHERE rw.rollout_id = r.rollout_id AND r.intent > (
        SELECT coalesce(min(intent), 0) FROM (
          SELECT r2.intent FROM rollouts r2 JOIN rollout_watches rw2 USING (rollout_id)
          WHERE rw2.watch_name = rw.watch_name AND r2.target_id = r.target_id
          ORDER BY r2.intent DESC LIMIT {_KEPT_ROLLOUTS}) AS latest) - 1)
  LIMIT $2)
"""


class PostgresRetention:
    """`Retention` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, *, days: int, limit: int = 5000) -> int:
        """Delete at most `limit` rows of each kind that are older than `days`; returns how many went."""
        gone = 0
        async with self._database.connection() as connection:
            for statement in (_DELIVERIES, _DECISIONS, _NOTICES, _ROLLOUTS):
                done = await connection.execute(statement, days, limit)
                gone += int(done.rpartition(" ")[2])
        return gone
