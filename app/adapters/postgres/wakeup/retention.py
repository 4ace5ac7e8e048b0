"""Forget old history: what is past its time of everything that happened, in batches."""

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.deliveries import OF_EACH_SOURCE

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
DELETE FROM audit_log WHERE entry_id IN (
  SELECT entry_id FROM audit_log WHERE recorded_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

# When a tag appeared is history as well: of an old one it is not known any more, whether it is still there or not.
_TAG_SIGHTINGS = """
DELETE FROM found_tags WHERE (watch_name, tag) IN (
  SELECT watch_name, tag FROM found_tags
  WHERE first_found_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

_DECISIONS = """
DELETE FROM decisions WHERE decision_id IN (
  SELECT decision_id FROM decisions d
  WHERE last_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.decision_id = d.decision_id)
  LIMIT $2)
"""

_NOTIFICATIONS = """
DELETE FROM notifications WHERE notification_id IN (
  SELECT notification_id FROM notifications n
  WHERE created_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT FROM notification_deliveries d WHERE d.notification_id = n.notification_id
                    AND d.sent_at IS NULL AND d.given_up_at IS NULL)
  LIMIT $2)
"""

# The last rollouts of each watch are always kept, however old. All are numbered in one pass: to count the newer ones of
# each that is old takes as many searches as there are old ones, most of which are kept.
_ROLLOUTS = f"""
WITH latest AS MATERIALIZED (
  SELECT DISTINCT rollout_id FROM (
    SELECT rollout_id, row_number() OVER (PARTITION BY watch_name, target_id ORDER BY intent DESC) AS place
    FROM rollout_watches JOIN rollouts USING (rollout_id)) AS numbered
  WHERE place <= {_KEPT_ROLLOUTS})
DELETE FROM rollouts WHERE rollout_id IN (
  SELECT rollout_id FROM rollouts r
  WHERE ended_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT FROM latest WHERE latest.rollout_id = r.rollout_id)
  LIMIT $2)
"""

# A batch reads much of a table, and nobody waits for it: longer than what else we ask, and yet all kinds together stay
# within a turn of their loop, so that one that is too slow does not keep the others from their turn.
_STATEMENT = 45.0
_LONGER = f"SET LOCAL statement_timeout = '{_STATEMENT:g}s'"
_KINDS = (_DELIVERIES, _DECISIONS, _NOTIFICATIONS, _ROLLOUTS, _WORDS, _TAG_SIGHTINGS)


class PostgresRetention:
    """`Retention` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, *, days: int, limit: int = 5000) -> int:
        """Delete at most `limit` rows of each kind that are older than `days`; returns how many went.

        A kind that fails keeps none of the others from being forgotten; the first failure is raised at the end.
        """
        gone, failures = 0, list[Exception]()
        for statement in _KINDS:
            try:
                gone += await self._forget(statement, days, limit)
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return gone

    async def _forget(self, statement: str, days: int, limit: int) -> int:
        async with self._database.transaction() as connection:
            await connection.execute(_LONGER)
            done = await connection.execute(statement, days, limit, timeout=_STATEMENT + 2)
            return int(done.rpartition(" ")[2])
