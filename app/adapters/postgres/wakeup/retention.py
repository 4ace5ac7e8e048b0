"""Deletes old history, in batches."""

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

_AUDIT_LOG = """
DELETE FROM audit_log WHERE entry_id IN (
  SELECT entry_id FROM audit_log WHERE recorded_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

# The time at which a tag appeared is history too: it is deleted after that time, even if the tag still exists.
_FOUND_TAGS = """
DELETE FROM found_tags WHERE (watch_name, tag) IN (
  SELECT watch_name, tag FROM found_tags
  WHERE first_found_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

_ABSENT_TAGS = """
DELETE FROM absent_tags WHERE (watch_name, tag) IN (
  SELECT watch_name, tag FROM absent_tags
  WHERE absent_since < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

# The digest that the desired tag has now is kept, however long it has it.
_TAG_DIGESTS = """
DELETE FROM tag_digests WHERE (watch_name, tag, digest) IN (
  SELECT d.watch_name, d.tag, d.digest FROM tag_digests d JOIN watches w ON w.name = d.watch_name
  WHERE d.since < clock_timestamp() - make_interval(days => $1)
    AND (d.tag, d.digest) <> (w.desired_tag, w.desired_digest)
  LIMIT $2)
"""

# As of rollouts, the last periods of each watch are always kept.
_RUNNING_PERIODS = f"""
DELETE FROM running_periods WHERE period_id IN (
  SELECT period_id FROM (
    SELECT period_id, ended_at, row_number() OVER (PARTITION BY watch_name ORDER BY began_at DESC) AS place
    FROM running_periods) AS numbered
  WHERE place > {_KEPT_ROLLOUTS} AND ended_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

_DECISIONS = """
DELETE FROM decisions WHERE decision_id IN (
  SELECT decision_id FROM decisions d
  WHERE last_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.decision_id = d.decision_id)
  LIMIT $2)
"""

_DRIFTS = """
DELETE FROM drifts WHERE drift_id IN (
  SELECT drift_id FROM drifts WHERE changed_at < clock_timestamp() - make_interval(days => $1) LIMIT $2)
"""

_NOTIFICATIONS = """
DELETE FROM notifications WHERE notification_id IN (
  SELECT notification_id FROM notifications n
  WHERE created_at < clock_timestamp() - make_interval(days => $1)
    AND NOT EXISTS (SELECT FROM notification_deliveries d WHERE d.notification_id = n.notification_id
                    AND d.sent_at IS NULL AND d.given_up_at IS NULL)
  LIMIT $2)
"""

# The last rollouts of each watch are always kept, however old. All are numbered in one pass: counting the newer ones of
# each old rollout would take one search for each, and most of them are kept.
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

# Seconds. A batch reads much of a table, and nobody waits for it, so it may take longer than other statements. All
# kinds together still fit in one pass of their loop, so that a slow kind does not stop the others.
_STATEMENT = 45.0
_LONG_STATEMENT = f"SET LOCAL statement_timeout = '{_STATEMENT:g}s'"
_KINDS = (
    *(_DELIVERIES, _DECISIONS, _NOTIFICATIONS, _ROLLOUTS, _AUDIT_LOG),
    *(_FOUND_TAGS, _ABSENT_TAGS, _TAG_DIGESTS, _RUNNING_PERIODS, _DRIFTS),
)


class PostgresRetention:
    """`Retention` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, *, days: int, limit: int = 5000) -> int:
        """Delete at most `limit` rows of each kind that are older than `days`; returns how many were deleted.

        When one kind fails the others are still deleted; the first failure is raised at the end.
        """
        deleted, failures = 0, list[Exception]()
        for statement in _KINDS:
            try:
                deleted += await self._forget(statement, days, limit)
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return deleted

    async def _forget(self, statement: str, days: int, limit: int) -> int:
        async with self._database.transaction() as connection:
            await connection.execute(_LONG_STATEMENT)
            done = await connection.execute(statement, days, limit, timeout=_STATEMENT + 2)
            return int(done.rpartition(" ")[2])
