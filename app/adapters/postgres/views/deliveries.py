"""Reads deliveries for pages: by acceptance, with the health of their sources, and pushes whose webhook was lost.

Deliveries have one index, by source and acceptance: a page of several is merged from the newest of each.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.adapters.postgres.database.pool import Connection, Row
from app.adapters.postgres.database.stored import read_oddities
from app.adapters.postgres.ingest.acceptances import ALL
from app.domain.acceptance import Acceptance
from app.services.views.board import DeliveryListing, DeliverySummary, Missed, SourceHealth

# Every stored source with every acceptance, found by an index skip scan. It needs WITH RECURSIVE.
OF_EACH_SOURCE = f"""
sources (source) AS (
  (SELECT source FROM deliveries ORDER BY source LIMIT 1)
  UNION ALL
  SELECT (SELECT d.source FROM deliveries d WHERE d.source > sources.source ORDER BY d.source LIMIT 1)
  FROM sources WHERE sources.source IS NOT NULL),
listed AS (
  SELECT source, acceptance FROM sources, unnest({ALL}) acceptance
  WHERE source IS NOT NULL)
"""

_PAGE = f"""
WITH RECURSIVE {OF_EACH_SOURCE}, page AS (
  SELECT newest.* FROM listed CROSS JOIN LATERAL (
    SELECT delivery_id, source, received_at, acceptance, size, ignored, duplicates, oddities -> 0 AS oddity
    FROM deliveries d
    WHERE d.source = listed.source AND d.acceptance = listed.acceptance
      AND received_at <= $4 AND (received_at, delivery_id) < ($4, $5)
    ORDER BY received_at DESC, delivery_id DESC LIMIT $1) newest
  WHERE ($2 = '' OR listed.source = $2) AND ($3 = '' OR listed.acceptance = $3)
  ORDER BY received_at DESC, delivery_id DESC LIMIT $1)
SELECT page.*, pushed.events, pushed.what FROM page CROSS JOIN LATERAL (
  SELECT count(*) AS events, coalesce((array_agg(path || ':' || tag ORDER BY event_id))[1:3], '{{}}') AS what
  FROM events e WHERE e.delivery_id = page.delivery_id) pushed
ORDER BY received_at DESC, page.delivery_id DESC
"""

_SOURCES = f"""
WITH RECURSIVE {OF_EACH_SOURCE}
SELECT source, acceptance,
  (SELECT max(received_at) FROM deliveries d WHERE d.source = listed.source AND d.acceptance = listed.acceptance)
    AS last_at,
  (SELECT count(*) FROM deliveries d WHERE d.source = listed.source AND d.acceptance = listed.acceptance
     AND received_at > clock_timestamp() - interval '1 day') AS day
FROM listed
UNION ALL
SELECT source, NULL, last_at, 0 FROM unknown_sources
ORDER BY source, acceptance
"""

# Polling may find a tag a moment before its webhook arrives: that webhook was not lost.
_MISSED = """
SELECT s.watch_name, s.tag, s.digest, s.first_found_at
FROM found_digests s JOIN watches w ON w.name = s.watch_name AND w.present
WHERE s.found_by = 'poller' AND s.first_found_at > clock_timestamp() - interval '1 day'
  AND EXISTS (SELECT FROM event_watches ew WHERE ew.watch_name = s.watch_name AND ew.known_at < s.first_found_at)
  AND NOT EXISTS (
    SELECT FROM event_watches ew JOIN events e USING (event_id)
    WHERE ew.watch_name = s.watch_name AND ew.known_at > s.first_found_at - interval '1 minute' AND e.tag = s.tag)
ORDER BY s.first_found_at DESC, s.watch_name LIMIT $1
"""

_MISSED_SHOWN = 50
_LATER_THAN_ALL = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))


async def read(
    connection: Connection,
    *,
    source: str,
    acceptance: Acceptance | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> DeliveryListing:
    """A page of deliveries, with the health of the sources, in three statements."""
    kind = acceptance.value if acceptance else ""
    page = await connection.fetch(_PAGE, limit, source, kind, *(before or _LATER_THAN_ALL))
    sources = await connection.fetch(_SOURCES)
    missed = await connection.fetch(_MISSED, _MISSED_SHOWN)
    return DeliveryListing(
        deliveries=tuple(_delivery(row) for row in page),
        sources=tuple(_health(sources)),
        missed=tuple(
            Missed(watch=row["watch_name"], tag=row["tag"], digest=row["digest"], at=row["first_found_at"])
            for row in missed
        ),
    )


def _delivery(row: Row) -> DeliverySummary:
    oddities = read_oddities([row["oddity"]] if row["oddity"] else [])
    return DeliverySummary(
        delivery_id=row["delivery_id"],
        source=row["source"],
        received_at=row["received_at"],
        acceptance=Acceptance(row["acceptance"]),
        events=row["events"],
        ignored=row["ignored"],
        duplicates=row["duplicates"],
        size=row["size"],
        what=tuple(row["what"]),
        oddity="".join(str(each) for each in oddities),
    )


def _health(rows: Iterable[Row]) -> Iterable[SourceHealth]:
    """One for each source; a source that nobody configured has no acceptance."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["source"], []).append(row)
    for source, its_rows in found.items():
        yield SourceHealth(
            source=source,
            last_at=max((row["last_at"] for row in its_rows if row["last_at"] is not None), default=None),
            day={Acceptance(row["acceptance"]): row["day"] for row in its_rows if row["acceptance"] is not None},
        )
