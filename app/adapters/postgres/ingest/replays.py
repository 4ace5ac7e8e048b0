"""Replays a stored delivery: its events concern the watches configured now, and their answers are open again."""

from uuid import UUID

from app.adapters.postgres.commands.audit import record
from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.stored import write_oddities
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.ingest.acceptances import acceptance
from app.adapters.postgres.ingest.delivery_rows import replay_columns
from app.adapters.postgres.ingest.matching import CONCERNED
from app.domain.event import Parsed
from app.services.commands.audit import AuditAction
from app.services.ingest.replay import KeptDelivery, Replayed

_KEPT = """
SELECT source, body, headers, (SELECT count(*) FROM events e WHERE e.delivery_id = d.delivery_id) AS events
FROM deliveries d WHERE delivery_id = $1
"""

_LOCK = "SELECT source FROM deliveries WHERE delivery_id = $1 FOR UPDATE"

# Within a delivery an event without an identity is compared by all its columns.
_ADD_EVENTS = """
INSERT INTO events (delivery_id, source, identity, action, host, path, tag, digest)
SELECT $1, $2, parsed.* FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
  AS parsed (identity, action, host, path, tag, digest)
WHERE NOT EXISTS (
  SELECT FROM events e WHERE e.delivery_id = $1 AND parsed.identity IS NULL
    AND (e.identity, e.action, e.host, e.path, e.tag, e.digest) IS NOT DISTINCT FROM
        (parsed.identity, parsed.action, parsed.host, parsed.path, parsed.tag, parsed.digest))
ON CONFLICT (source, identity) WHERE identity IS NOT NULL DO NOTHING
"""

# The body is kept only while something in it is odd.
_PARSED_AGAIN = f"""
WITH stored AS (SELECT count(*)::integer AS events FROM events WHERE delivery_id = $1)
UPDATE deliveries SET ignored = $2, duplicates = greatest($3 - stored.events, 0), oddities = $4,
  body = CASE WHEN $4 <> '[]'::jsonb THEN body END,
  headers = CASE WHEN $4 <> '[]'::jsonb THEN headers ELSE '{{}}' END,
  acceptance = {acceptance(odd="$4 <> '[]'::jsonb", new="stored.events > 0", known="$3 > 0")}
FROM stored WHERE delivery_id = $1
"""

_CONCERNED_BY_DELIVERY = f"""
WITH replayed AS (SELECT * FROM events WHERE delivery_id = $1),
concerned AS ({CONCERNED.format(events="replayed")})
"""

# As a reconcile: targets before their open events, and in the order of their ids.
_LOCK_TARGETS = f"""
{_CONCERNED_BY_DELIVERY}
SELECT FROM targets WHERE target_id IN (SELECT target_id FROM concerned) ORDER BY target_id FOR NO KEY UPDATE
"""

_OPEN = f"""
{_CONCERNED_BY_DELIVERY}, opened AS (
  INSERT INTO event_watches (event_id, watch_name, before_digest)
  SELECT event_id, name, before_digest FROM concerned
  ON CONFLICT (event_id, watch_name) DO UPDATE
  SET before_digest = excluded.before_digest, attempts = 0, settled_at = NULL, answer = '',
    pending = false, decision_id = NULL)
SELECT (SELECT count(*) FROM replayed) AS events,
  array(SELECT DISTINCT target_id FROM concerned ORDER BY target_id) AS target_ids,
  array(SELECT DISTINCT name FROM concerned ORDER BY name) AS watches
"""


async def kept(connection: Connection, delivery_id: UUID) -> KeptDelivery | None:
    """The stored parts of the delivery that a replay needs; None when it is unknown."""
    row = await connection.fetchrow(_KEPT, delivery_id)
    if row is None:
        return None
    return KeptDelivery(source=row["source"], body=row["body"], events=row["events"], headers=row["headers"])


async def replay(connection: Connection, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
    """Write the replay, in the caller's transaction."""
    source = await connection.fetchval(_LOCK, delivery_id)
    if source is None:
        return None
    if parsed is not None:
        if parsed.events:
            await connection.execute(_ADD_EVENTS, delivery_id, source, *replay_columns(parsed.events))
        oddities = write_oddities(parsed.oddities)
        await connection.execute(_PARSED_AGAIN, delivery_id, parsed.ignored, len(parsed.events), oddities)
    await connection.execute(_LOCK_TARGETS, delivery_id)
    row = await connection.fetchrow(_OPEN, delivery_id)
    await make_due(connection, row["target_ids"])
    replayed = Replayed(
        events=row["events"],
        watches=tuple(row["watches"]),
        target_ids=tuple(row["target_ids"]),
        odd=parsed is not None and bool(parsed.oddities),
    )
    await record(connection, AuditAction.REPLAY, by=by, detail=replayed.message, delivery_id=delivery_id)
    return replayed
