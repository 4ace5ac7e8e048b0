"""Reads timeline entries: each kind by its own index, newest first, merged here.

An event of several watches is one entry for each of them, in the timeline of a watch and in that of all.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.ingest.acceptances import HOLDING_EVENTS
from app.adapters.postgres.views.deliveries import OF_EACH_SOURCE
from app.adapters.postgres.views.timeline_rows import ENTRIES
from app.domain.timeline import EntryKind
from app.services.views.board import TimelineEntry, TimelineQuery

# In every statement: $1 the limit, $2 the watch, $3 and $4 the time and key that entries are before, $5 the actor.
# Texts have the collation "C", which is Python's order: the entries of all statements are sorted again.
_BEFORE = "{at} <= $3 AND ({at}, {key}) < ($3, $4) AND ($2::text IS NOT NULL AND $5::text IS NOT NULL)"
_KEY = '(({}) COLLATE "C")'
_ORDER = " ORDER BY at DESC, key DESC LIMIT $1"

_EVENT_KEY = _KEY.format("'w' || lpad(e.event_id::text, 20, '0') || ' ' || coalesce(ew.watch_name, '')")
_EVENT = f"SELECT {{at}} AS at, {_EVENT_KEY} AS key, ew.watch_name, e.source, e.action, e.path, e.tag, e.digest, "

_EVENTS_OF_ONE = f"""
{_EVENT.format(at="ew.known_at")} e.delivery_id
FROM event_watches ew JOIN events e USING (event_id)
WHERE ew.watch_name = $2 AND {_BEFORE.format(at="ew.known_at", key=_EVENT_KEY)}
"""

_EVENTS_OF_ALL = f"""
WITH RECURSIVE {OF_EACH_SOURCE}, newest AS (
  SELECT d.* FROM listed CROSS JOIN LATERAL (
    SELECT delivery_id, received_at FROM deliveries d
    WHERE d.source = listed.source AND d.acceptance = listed.acceptance AND d.received_at <= $3
      AND EXISTS (SELECT FROM events e WHERE e.delivery_id = d.delivery_id)
    ORDER BY received_at DESC LIMIT $1 + 1) d
  WHERE listed.acceptance = ANY({HOLDING_EVENTS}) AND ($5 = '' OR listed.source = $5))
{_EVENT.format(at="newest.received_at")} e.delivery_id
FROM newest JOIN events e USING (delivery_id) LEFT JOIN event_watches ew USING (event_id)
WHERE {_BEFORE.format(at="newest.received_at", key=_EVENT_KEY)}
"""

_DECISION_KEY = _KEY.format("'d' || lpad(d.decision_id::text, 20, '0')")
_DECISIONS = f"""
SELECT d.first_at AS at, {_DECISION_KEY} AS key, d.*, coalesce(s.found_by, '') AS found_by,
  coalesce(s.decision_id = d.decision_id, false) AS is_first,
  (SELECT origin FROM rollouts r WHERE r.rollout_id = d.rollout_id) AS origin
FROM decisions d LEFT JOIN found_digests s ON s.watch_name = d.watch_name AND s.digest = d.digest AND d.digest <> ''
WHERE {_BEFORE.format(at="d.first_at", key=_DECISION_KEY)}
"""

_ROLLOUT = """
SELECT {at} AS at, {key} AS key, rw.watch_name, rw.tag, rw.digest, rw.message, r.rollout_id, r.origin, r.requested_by,
  r.outcome, r.reason
FROM rollouts r JOIN rollout_watches rw USING (rollout_id)
WHERE {before}
"""


def _rollouts(at: str, letter: str) -> str:
    key = _KEY.format(f"'{letter}' || rollout_id || ' ' || rw.watch_name")
    return _ROLLOUT.format(at=at, key=key, before=_BEFORE.format(at=at, key=key))


_COMMAND_KEY = _KEY.format("'s' || lpad(entry_id::text, 20, '0')")
_COMMANDS = f"""
SELECT recorded_at AS at, {_COMMAND_KEY} AS key, * FROM audit_log
WHERE {_BEFORE.format(at="recorded_at", key=_COMMAND_KEY)}
"""

_DRIFT_KEY = _KEY.format("'c' || lpad(drift_id::text, 20, '0')")
_DRIFTS = f"""
SELECT changed_at AS at, {_DRIFT_KEY} AS key, * FROM drifts
WHERE {_BEFORE.format(at="changed_at", key=_DRIFT_KEY)}
"""

_OF_ALL = {
    EntryKind.WEBHOOK: _EVENTS_OF_ALL,
    EntryKind.DECISION: _DECISIONS,
    EntryKind.ROLLOUT: _rollouts("r.created_at", "r"),
    EntryKind.OUTCOME: _rollouts("r.ended_at", "o"),
    EntryKind.COMMAND: _COMMANDS,
    EntryKind.DRIFT: _DRIFTS,
}
_OF_ONE = {
    EntryKind.WEBHOOK: _EVENTS_OF_ONE,
    EntryKind.DECISION: f"{_DECISIONS} AND d.watch_name = $2",
    EntryKind.ROLLOUT: f"{_rollouts('rw.requested_at', 'r')} AND rw.watch_name = $2",
    EntryKind.OUTCOME: f"{_rollouts('r.ended_at', 'o')} AND rw.watch_name = $2",
    EntryKind.COMMAND: f"{_COMMANDS} AND watch_name = $2",
    EntryKind.DRIFT: f"{_DRIFTS} AND watch_name = $2",
}

# Decisions, outcomes and drifts have no actor.
_BY = {
    EntryKind.WEBHOOK: " AND e.source = $5",
    EntryKind.ROLLOUT: " AND r.requested_by = $5 AND r.requested_by <> ''",
    EntryKind.COMMAND: " AND actor = $5",
}

# By kind, whether for one watch, and whether for one actor.
_STATEMENTS = {
    (kind, of_one, bool(by)): f"{statement}{by}{_ORDER}"
    for of_one, statements in ((False, _OF_ALL), (True, _OF_ONE))
    for kind, statement in statements.items()
    for by in ("", _BY.get(kind))
    if by is not None
}

# Actors are few: a skip scan reads them from the indexes that begin with them.
_PEOPLE = """
WITH RECURSIVE actors (name) AS (
  (SELECT actor FROM audit_log WHERE actor <> '' ORDER BY actor LIMIT 1)
  UNION ALL
  SELECT (SELECT actor FROM audit_log WHERE actor > actors.name ORDER BY actor LIMIT 1)
  FROM actors WHERE actors.name IS NOT NULL),
requesters (name) AS (
  (SELECT requested_by FROM rollouts WHERE requested_by <> '' ORDER BY requested_by LIMIT 1)
  UNION ALL
  SELECT (SELECT requested_by FROM rollouts
          WHERE requested_by <> '' AND requested_by > requesters.name ORDER BY requested_by LIMIT 1)
  FROM requesters WHERE requesters.name IS NOT NULL)
SELECT name FROM (SELECT name FROM actors UNION SELECT name FROM requesters) people WHERE name IS NOT NULL ORDER BY name
"""

_LATER_THAN_ALL = (datetime(9999, 1, 1, tzinfo=UTC), "")


async def read_timeline(connection: Connection, query: TimelineQuery, *, limit: int) -> tuple[TimelineEntry, ...]:
    """The entries, newest first, in one statement for each kind."""
    at, key = query.before or _LATER_THAN_ALL
    found: list[TimelineEntry] = []
    for kind in EntryKind:
        which = (kind, bool(query.watch), bool(query.by))
        if (query.kinds and kind not in query.kinds) or which not in _STATEMENTS:
            continue
        rows: Sequence[Any] = await connection.fetch(_STATEMENTS[which], limit, query.watch, at, key, query.by)
        found += [ENTRIES[kind](row) for row in rows]
    found.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
    return tuple(found[:limit])


async def people(connection: Connection) -> tuple[str, ...]:
    """All actors of the audit log and of stored rollouts."""
    return tuple(row["name"] for row in await connection.fetch(_PEOPLE))
