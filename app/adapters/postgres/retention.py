"""Forget old history: what is past its time of everything that happened, in batches."""

from app.adapters.postgres.pool import Database
from app.adapters.postgres.sent import OF_EACH_SOURCE

_KEPT_ROLLOUTS = 50

_DELIVERIES = f"""
WITH RECURSIVE {OF_EACH_SOURCE}
DELETE FROM deliveries WHERE delivery_id IN (
  SELECT delivery_id FROM listed JOIN deliveries d USING (source, acceptance)
  WHERE received_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT 1 FROM events JOIN event_watches USING (event_id)
                    WHERE delivery_id = d.delivery_id AND settled_at IS NULL)
  LIMIT $2)
"""

_WORDS = """
DELETE FROM words WHERE word_id IN (
  SELECT word_id FROM words WHERE spoken_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

# When a tag appeared is history as well: of an old one it is not known any more, whether it is still there or not.
_TAG_SIGHTINGS = """
DELETE FROM tag_sightings WHERE (watch_name, tag) IN (
  SELECT watch_name, tag FROM tag_sightings
  WHERE first_seen_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
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
            for statement in (_DELIVERIES, _DECISIONS, _NOTICES, _ROLLOUTS, _WORDS, _TAG_SIGHTINGS):
                done = await connection.execute(statement, days, limit)
                gone += int(done.rpartition(" ")[2])
        return gone
