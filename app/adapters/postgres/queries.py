"""Reading for the API and the page: as many statements, however many watches there are. Changes nothing."""

from typing import Any
from uuid import UUID

from app.adapters.postgres import view_rows as rows
from app.adapters.postgres.pool import Database
from app.services.queries import Away, Overview, RolloutSummary, RolloutView, WatchView

# Tags are many, so an overview brings them only where what is wanted has to be told from them: before the first look
# after a person's word.
_WATCHES = """
SELECT w.name, w.registry, w.repository_host, w.repository_path, w.task, w.pinned_tag, w.auto_deploy, w.observe_only,
  w.wanted_tag, w.wanted_digest, w.tags_read_at, w.running, w.trouble, w.trouble_since, w.word_at,
  w.promote_after, w.revert_on_failure, w.source_stale, w.unserved, w.unserved_since,
  CASE WHEN w.rolled_back_at > coalesce(w.word_at, '-infinity') AND NOT EXISTS (
    SELECT FROM sightings s WHERE s.watch_name = w.name AND s.first_seen_at > w.rolled_back_at)
  THEN w.rolled_back_at END AS rolled_back_at,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name AND released_at IS NULL
    ORDER BY failed_at DESC) AS failed,
  t.region, t.namespace, t.job_id, t.trouble AS job_trouble, t.trouble_since AS job_trouble_since,
  t.due_at IS NOT NULL AND t.due_at <= clock_timestamp() AS due,
  d.kind, d.reason AS hold_reason, d.words, d.tag AS decided_tag, d.digest AS decided_digest, d.looks, d.first_at,
  d.last_at, d.rollout_id AS decided_rollout,
  CASE WHEN $1 OR w.word_at > coalesce(d.last_at, '-infinity') THEN w.tags ELSE '{}' END AS tags,
  r.*
FROM watches w
JOIN targets t USING (target_id)
LEFT JOIN decisions d USING (decision_id)
LEFT JOIN LATERAL (
  SELECT rollout_id, state, outcome, reason, note, origin, asked_by, created_at, ended_at, deployment, undoes,
    rw.tag AS rollout_tag, rw.watch_name || ' ' || coalesce(nullif(rw.tag, ''), rw.digest) AS what,
    (SELECT u.rollout_id FROM rollouts u WHERE u.target_id = o.target_id AND u.undoes = o.rollout_id
     ORDER BY u.intent DESC LIMIT 1) AS undone_by
  FROM rollout_watches rw JOIN rollouts o USING (rollout_id)
  WHERE rw.watch_name = w.name ORDER BY created_at DESC LIMIT 1) r ON true
WHERE w.present AND ($2::text IS NULL OR w.name = $2)
ORDER BY w.position, w.name
"""

_ROLLOUTS = """
SELECT r.*, coalesce((SELECT string_agg(
    watch_name || ' ' || coalesce(nullif(tag, ''), digest), ', ' ORDER BY watch_name)
  FROM rollout_watches rw WHERE rw.rollout_id = r.rollout_id), '') AS what,
  (SELECT u.rollout_id FROM rollouts u WHERE u.target_id = r.target_id AND u.undoes = r.rollout_id
   ORDER BY u.intent DESC LIMIT 1) AS undone_by
FROM rollouts r
WHERE $2::uuid IS NULL OR rollout_id = $2
ORDER BY created_at DESC, rollout_id LIMIT $1
"""

_PLACE = "SELECT region, namespace, job_id FROM targets WHERE target_id = $1"

_ITEMS = "SELECT * FROM rollout_watches WHERE rollout_id = $1 ORDER BY watch_name"

_SWITCH = """
SELECT clock_timestamp() AS now, paused, changed_by, changed_at,
  (SELECT count(*) FROM notices WHERE dead_at IS NULL AND sent_at IS NULL AND attempts > 1) AS unsent
FROM switches
"""

_AWAY = """
SELECT 'registry ' || registry AS name, (array_agg(trouble ORDER BY trouble_since))[1] AS problem,
  min(trouble_since) AS since
FROM watches WHERE present AND trouble <> '' GROUP BY registry
UNION ALL
SELECT 'Nomad', (array_agg(trouble ORDER BY trouble_since))[1], min(trouble_since)
FROM targets t
WHERE trouble <> '' AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present)
HAVING count(*) > 0
ORDER BY name
"""

_EVENTS = """
SELECT e.event_id, e.delivery_id, e.source, e.action, e.path, e.tag, d.received_at,
  coalesce(string_agg(ew.watch_name || ': ' || CASE WHEN ew.answer = '' THEN 'not looked at yet' ELSE ew.answer END,
    '; ' ORDER BY ew.watch_name), 'no watch has this repository') AS answer
FROM (SELECT * FROM events ORDER BY event_id DESC LIMIT $1) e
JOIN deliveries d USING (delivery_id)
LEFT JOIN event_watches ew USING (event_id)
GROUP BY e.event_id, e.delivery_id, e.source, e.action, e.path, e.tag, d.received_at
ORDER BY e.event_id DESC
"""

_UNKNOWN_SOURCES = "SELECT source, deliveries, last_at FROM unknown_sources ORDER BY last_at DESC, source"


class PostgresQueries:
    """`Queries` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overview(self, *, rollouts: int, events: int) -> Overview:
        """Everything on the first page, in six statements."""
        async with self._database.connection() as connection:
            switch = await connection.fetchrow(_SWITCH)
            watches = await connection.fetch(_WATCHES, False, None)
            recent = await connection.fetch(_ROLLOUTS, rollouts, None)
            told = await connection.fetch(_EVENTS, events)
            away = await connection.fetch(_AWAY)
            unknown = await connection.fetch(_UNKNOWN_SOURCES)
        return Overview(
            now=switch["now"],
            paused=switch["paused"],
            paused_by=switch["changed_by"],
            paused_at=switch["changed_at"],
            watches=tuple(rows.watch_view(row) for row in watches),
            rollouts=tuple(rows.rollout_summary(row) for row in recent),
            events=tuple(rows.event_summary(row) for row in told),
            away=tuple(rows.away(row) for row in away),
            unknown_sources=tuple(rows.unknown_source(row) for row in unknown),
            unsent_notices=switch["unsent"],
        )

    async def watches(self) -> tuple[WatchView, ...]:
        """Every configured watch, in one statement."""
        return await self._watches(None)

    async def watch(self, name: str) -> WatchView | None:
        """One configured watch, in one statement."""
        if "\0" in name:  # no name holds it, and Postgres takes none
            return None
        return next(iter(await self._watches(name)), None)

    async def rollouts(self, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The newest rollouts, in one statement."""
        async with self._database.connection() as connection:
            return tuple(rows.rollout_summary(row) for row in await connection.fetch(_ROLLOUTS, limit, None))

    async def rollout(self, rollout_id: UUID) -> RolloutView | None:
        """One rollout, in three statements."""
        async with self._database.connection() as connection:
            row: Any = await connection.fetchrow(_ROLLOUTS, 1, rollout_id)
            if row is None:
                return None
            place = await connection.fetchrow(_PLACE, row["target_id"])
            items = await connection.fetch(_ITEMS, rollout_id)
        return rows.rollout_view(row, place=place, items=items)

    async def away(self) -> tuple[Away, ...]:
        """What does not answer, in one statement."""
        async with self._database.connection() as connection:
            return tuple(rows.away(row) for row in await connection.fetch(_AWAY))

    async def _watches(self, name: str | None) -> tuple[WatchView, ...]:
        async with self._database.connection() as connection:
            return tuple(rows.watch_view(row) for row in await connection.fetch(_WATCHES, True, name))
