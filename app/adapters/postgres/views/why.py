"""Reads the facts that explain what became of a watch's tags, in one snapshot. Changes nothing."""

from collections.abc import Sequence
from typing import Any

from app.adapters.postgres.database.pool import Connection, Database
from app.adapters.postgres.views import why_rows as rows
from app.domain.rule import arranged
from app.services.views.why import StoredFacts

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_WATCH = """
SELECT w.name, w.registry, w.pinned_tag, w.first_checked_at, w.commanded_at, w.tags, w.desired_tag, w.desired_digest,
  w.specified, w.outage, w.drifted_at, t.outage AS job_outage, clock_timestamp() AS now,
  d.kind, d.reason, d.message, d.tag, d.digest, d.first_at, d.last_at, d.rollout_id,
  s.paused, s.changed_by AS paused_by, s.changed_at AS paused_at,
  EXISTS (SELECT FROM event_watches ew WHERE ew.watch_name = w.name) AS has_webhooks
FROM watches w JOIN targets t USING (target_id) CROSS JOIN switches s LEFT JOIN decisions d USING (decision_id)
WHERE w.name = $1 AND w.present
"""

# A tag of the first list has no time of its own.
_TAGS = """
SELECT tag, max(at) AS at, count(*) OVER () AS total FROM (
  SELECT e.tag, ew.known_at AS at FROM event_watches ew JOIN events e USING (event_id) WHERE ew.watch_name = $1
  UNION ALL SELECT tag, since FROM tag_digests WHERE watch_name = $1
  UNION ALL SELECT tag, first_found_at FROM found_tags WHERE watch_name = $1
  UNION ALL SELECT tag, absent_since FROM absent_tags WHERE watch_name = $1
  UNION ALL SELECT tag, coalesce(ended_at, began_at) FROM running_periods WHERE watch_name = $1
  UNION ALL SELECT tag, requested_at FROM rollout_watches WHERE watch_name = $1
  UNION ALL SELECT unnest(tags), NULL FROM watches WHERE name = $1) named
WHERE tag <> '' GROUP BY tag ORDER BY at DESC NULLS LAST, tag DESC LIMIT $2
"""

_PUSHES = """
SELECT * FROM (
  SELECT e.tag, e.source, coalesce(e.digest, '') AS digest, d.delivery_id, d.received_at, ew.settled_at,
    row_number() OVER (PARTITION BY e.tag ORDER BY ew.known_at, e.event_id) AS from_first,
    row_number() OVER (PARTITION BY e.tag ORDER BY ew.known_at DESC, e.event_id DESC) AS from_last
  FROM event_watches ew JOIN events e USING (event_id) JOIN deliveries d USING (delivery_id)
  WHERE ew.watch_name = $1 AND e.tag = ANY($2) AND e.action = 'push') numbered
WHERE from_first = 1 OR from_last = 1 ORDER BY tag, from_first
"""

_DIGESTS = """
SELECT tag, digest, first_found_at, since FROM tag_digests WHERE watch_name = $1 AND tag = ANY($2)
ORDER BY since DESC, first_found_at DESC
"""

_LISTED = "SELECT tag, first_found_at FROM found_tags WHERE watch_name = $1 AND tag = ANY($2)"

_ABSENT = "SELECT tag, absent_since FROM absent_tags WHERE watch_name = $1 AND tag = ANY($2)"

# Those of other tags say what ran when a tag became known; the newest are enough for that.
_PERIODS = """
SELECT tag, digest, began_at, ended_at FROM running_periods
WHERE watch_name = $1 AND (tag = ANY($2) OR period_id IN (
  SELECT period_id FROM running_periods WHERE watch_name = $1 ORDER BY began_at DESC LIMIT 500))
ORDER BY began_at DESC, period_id DESC
"""

_ROLLOUTS = """
SELECT DISTINCT ON (rw.tag) rw.tag, rw.digest, r.rollout_id, r.origin, r.requested_by, r.created_at, r.ended_at,
  r.outcome, r.reason
FROM rollout_watches rw JOIN rollouts r USING (rollout_id)
WHERE rw.watch_name = $1 AND rw.tag = ANY($2) ORDER BY rw.tag, rw.requested_at DESC, r.intent DESC
"""

_DECISIONS = """
SELECT DISTINCT ON (tag) * FROM decisions WHERE watch_name = $1 AND tag = ANY($2) ORDER BY tag, decision_id DESC
"""

_FAILED = "SELECT digest, failed_at FROM failures WHERE watch_name = $1 AND released_at IS NULL"

_COMMANDS = """
SELECT DISTINCT ON (action) action, actor, recorded_at FROM audit_log
WHERE watch_name = $1 AND action = ANY($2) ORDER BY action, recorded_at DESC
"""


class PostgresWhy:
    """`WhyStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def facts(self, watch: str, *, tag: str | None, limit: int) -> StoredFacts | None:
        """Read the watch, choose its tags, and read each kind of fact about them in one statement."""
        if "\0" in watch:  # no name has it, and Postgres refuses it
            return None
        async with self._database.transaction() as connection:
            await connection.execute(_SNAPSHOT)
            row: Any = await connection.fetchrow(_WATCH, watch)
            if row is None:
                return None
            names, total = ([tag], 1) if tag is not None else await _newest(connection, row, limit)
            facts = rows.watch_facts(
                row,
                periods=await connection.fetch(_PERIODS, watch, names),
                failed=await connection.fetch(_FAILED, watch),
                commands=await connection.fetch(_COMMANDS, watch, rows.COMMANDS),
            )
            tags = rows.tag_facts(
                names,
                facts.tags,
                pushes=await connection.fetch(_PUSHES, watch, names),
                digests=await connection.fetch(_DIGESTS, watch, names),
                listed=await connection.fetch(_LISTED, watch, names),
                absent=await connection.fetch(_ABSENT, watch, names),
                rollouts=await connection.fetch(_ROLLOUTS, watch, names),
                decisions=await connection.fetch(_DECISIONS, watch, names),
            )
        return StoredFacts(now=row["now"], watch=facts, tags=tags, total=total)


async def _newest(connection: Connection, watch: Any, limit: int) -> tuple[Sequence[str], int]:
    """The tags with a time, the newest first, then those of the first list in the order of a page."""
    found = await connection.fetch(_TAGS, watch["name"], limit)
    timed = [row["tag"] for row in found if row["at"] is not None]
    others = arranged(set(watch["tags"]) - set(timed)) if len(timed) < limit else []
    return [*timed, *others][:limit], found[0]["total"] if found else 0
