"""Reads for the pages: their watches in order, and the situation that every page shows. Changes nothing.

The number of statements does not depend on the number of watches, and only a page's rows are read in full.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.adapters.postgres.database.pool import Connection, Database
from app.adapters.postgres.processes.work import read_work
from app.adapters.postgres.views import deliveries, listing, suggestions, timeline
from app.adapters.postgres.views import view_rows as rows
from app.adapters.postgres.views import view_statements as statements
from app.domain.acceptance import Acceptance
from app.services.processes.standstill import standstill
from app.services.views.board import (
    DeliveryListing,
    Listing,
    Search,
    Situation,
    Suggestion,
    TagView,
    TimelineEntry,
    TimelineQuery,
)
from app.services.views.queries import RolloutSummary, WatchView

_NAMED = f"{statements.FEW_WATCHES} AND w.name = ANY($2)"

_ROLLOUTS_OF = f"""
{statements.ROLLOUTS}
JOIN (
  SELECT rollout_id, requested_at FROM rollout_watches WHERE watch_name = $1 ORDER BY requested_at DESC LIMIT $2) newest
  USING (rollout_id)
ORDER BY newest.requested_at DESC, rollout_id
"""

# The digest of a tag by the last reconcile; else as it was found when the rule desired it; else as it ran.
_TAG = """
SELECT
  (SELECT first_found_at FROM found_tags t WHERE t.watch_name = w.name AND t.tag = $2) AS first_found_at,
  coalesce(
    CASE WHEN w.desired_tag = $2 THEN nullif(w.desired_digest, '') END,
    (SELECT digest FROM found_digests f WHERE f.watch_name = w.name AND f.tag = $2
     ORDER BY first_found_at DESC LIMIT 1),
    (SELECT nullif(found ->> 'digest', '') FROM jsonb_array_elements(w.specified) found WHERE found ->> 'tag' = $2
     LIMIT 1),
    (SELECT key FROM jsonb_each_text(w.digest_tags) WHERE value = $2 LIMIT 1),
    '') AS digest
FROM watches w WHERE w.name = $1
"""


class PostgresBoard:
    """`Board` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def situation(self) -> Situation:
        """Read what every page shows, in five statements."""
        async with self._database.connection() as connection:
            switch = await connection.fetchrow(statements.SWITCH)
            outages = await connection.fetch(statements.OUTAGES)
            unknown = await connection.fetch(statements.UNKNOWN_SOURCES)
            work = await read_work(connection)
        return Situation(
            now=switch["now"],
            paused=switch["paused"],
            paused_by=switch["changed_by"],
            paused_at=switch["changed_at"],
            paused_reason=switch["reason"],
            outages=(*(rows.outages(row) for row in outages), *standstill(work)),
            unknown_sources=tuple(rows.unknown_source(row) for row in unknown),
            unsent_notifications=switch["unsent"],
        )

    async def listing(self, search: Search, *, offset: int, limit: int) -> Listing:
        """A page of watches, in two statements, or three with a search, on one snapshot: its counts are those of its
        rows."""
        if not all(_storable(term) for term in search.terms):
            everything = await self.listing(Search(), offset=0, limit=0)
            return Listing(watches=(), total=everything.total, found=0, counts={})
        async with self._database.snapshot() as connection:
            page = await listing.find(connection, search, offset=offset, limit=limit)
            watches = await _views(connection, page.names)
        desired = search.conditions or page.counts
        return Listing(
            watches=watches,
            total=page.total,
            found=sum(count for each, count in page.counts.items() if each in desired),
            counts=page.counts,
            matched_tags=page.matched_tags,
        )

    async def suggestions(self, text: str, *, limit: int) -> tuple[Suggestion, ...]:
        """Names and tags to search for, in two statements."""
        if not _storable(text):
            return ()
        async with self._database.connection() as connection:
            return await suggestions.suggestions(connection, text, limit=limit)

    async def entries(self, query: TimelineQuery, *, limit: int) -> tuple[TimelineEntry, ...]:
        """Timeline entries, in six statements at most."""
        if not (_storable(query.watch) and _storable(query.by)):
            return ()
        async with self._database.connection() as connection:
            return await timeline.read_timeline(connection, query, limit=limit)

    async def people(self) -> tuple[str, ...]:
        """All actors, in one statement."""
        async with self._database.connection() as connection:
            return await timeline.people(connection)

    async def deliveries(
        self, *, source: str, acceptance: Acceptance | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> DeliveryListing:
        """Deliveries, in three statements."""
        async with self._database.connection() as connection:
            return await deliveries.read(connection, source=source, acceptance=acceptance, before=before, limit=limit)

    async def tag(self, watch: str, tag: str) -> TagView:
        """Read what is known about a tag, in one statement."""
        unknown = TagView(tag=tag, first_found_at=None, digest="")
        if not (_storable(watch) and _storable(tag)):
            return unknown
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_TAG, watch, tag)
        return TagView(tag=tag, first_found_at=row["first_found_at"], digest=row["digest"]) if row else unknown

    async def rollouts_of(self, watch: str, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The watch's newest rollouts, in one statement."""
        if not _storable(watch):
            return ()
        async with self._database.connection() as connection:
            return tuple(rows.rollout_line(row) for row in await connection.fetch(_ROLLOUTS_OF, watch, limit))


async def _views(connection: Connection, names: Sequence[str]) -> tuple[WatchView, ...]:
    found = {row["name"]: row for row in await connection.fetch(_NAMED, False, list(names))}
    return tuple(rows.watch_view(found[name]) for name in names if name in found)


def _storable(text: str) -> bool:
    """Whether Postgres can store the text. Text that it cannot store is in no row."""
    return "\0" not in text and text == text.encode(errors="ignore").decode()
