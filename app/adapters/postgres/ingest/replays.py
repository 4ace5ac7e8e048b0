"""A remembered delivery once more: what it told concerns the watches of now, and its answers are open again."""

from uuid import UUID

from app.adapters.postgres.commands.audit import tell
from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.stored import write_oddities
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.ingest.acceptances import acceptance
from app.adapters.postgres.ingest.delivery_rows import told_columns
from app.adapters.postgres.ingest.matching import CONCERNED
from app.domain.event import Parsed
from app.services.commands.audit import AuditAction
from app.services.ingest.replay import KeptDelivery, Replayed

_KEPT = """
SELECT source, body, headers, (SELECT count(*) FROM events e WHERE e.delivery_id = d.delivery_id) AS events
FROM deliveries d WHERE delivery_id = $1
"""

_LOCK = "SELECT source FROM deliveries WHERE delivery_id = $1 FOR UPDATE"

# An event without an identity is known by all that it says, within its delivery.
_ADD_EVENTS = """
INSERT INTO events (delivery_id, source, identity, action, host, path, tag, digest)
SELECT $1, $2, told.* FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
  AS told (identity, action, host, path, tag, digest)
WHERE NOT EXISTS (
  SELECT FROM events e WHERE e.delivery_id = $1 AND told.identity IS NULL
    AND (e.identity, e.action, e.host, e.path, e.tag, e.digest) IS NOT DISTINCT FROM
        (told.identity, told.action, told.host, told.path, told.tag, told.digest))
ON CONFLICT (source, identity) WHERE identity IS NOT NULL DO NOTHING
"""

# The body was kept for what was odd in it.
_READ_AGAIN = f"""
WITH told AS (SELECT count(*)::integer AS events FROM events WHERE delivery_id = $1)
UPDATE deliveries SET ignored = $2, duplicates = greatest($3 - told.events, 0), oddities = $4,
  body = CASE WHEN $4 <> '[]'::jsonb THEN body END,
  headers = CASE WHEN $4 <> '[]'::jsonb THEN headers ELSE '{{}}' END,
  acceptance = {acceptance(odd="$4 <> '[]'::jsonb", new="told.events > 0", known="$3 > 0")}
FROM told WHERE delivery_id = $1
"""

_TOLD = f"""
WITH told AS (SELECT * FROM events WHERE delivery_id = $1),
concerned AS ({CONCERNED.format(events="told")})
"""

# As looks do: targets before what is open for them, and in the order of their ids.
_LOCK_TARGETS = f"""
{_TOLD} SELECT FROM targets WHERE target_id IN (SELECT target_id FROM concerned) ORDER BY target_id FOR NO KEY UPDATE
"""

_OPEN = f"""
{_TOLD}, opened AS (
  INSERT INTO event_watches (event_id, watch_name, before_digest)
  SELECT event_id, name, before_digest FROM concerned
  ON CONFLICT (event_id, watch_name) DO UPDATE
  SET before_digest = excluded.before_digest, attempts = 0, settled_at = NULL, answer = '', decision_id = NULL)
SELECT (SELECT count(*) FROM told) AS events,
  array(SELECT DISTINCT target_id FROM concerned ORDER BY target_id) AS target_ids,
  array(SELECT DISTINCT name FROM concerned ORDER BY name) AS watches
"""


async def kept(connection: Connection, delivery_id: UUID) -> KeptDelivery | None:
    """What is left of the delivery to be replayed."""
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
            await connection.execute(_ADD_EVENTS, delivery_id, source, *told_columns(parsed.events))
        oddities = write_oddities(parsed.oddities)
        await connection.execute(_READ_AGAIN, delivery_id, parsed.ignored, len(parsed.events), oddities)
    await connection.execute(_LOCK_TARGETS, delivery_id)
    row = await connection.fetchrow(_OPEN, delivery_id)
    await make_due(connection, row["target_ids"])
    replayed = Replayed(
        events=row["events"],
        watches=tuple(row["watches"]),
        target_ids=tuple(row["target_ids"]),
        odd=parsed is not None and bool(parsed.oddities),
    )
    await tell(connection, AuditAction.REPLAY, by=by, detail=replayed.message, delivery_id=delivery_id)
    return replayed
