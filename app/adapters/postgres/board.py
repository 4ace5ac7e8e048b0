"""What the pages read: which watches, in which order, and what every page tells. Changes nothing.

As many statements for ten thousand watches as for ten, and only a page's rows are read whole.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.adapters.postgres import happenings, listing, sent, suggesting
from app.adapters.postgres import view_rows as rows
from app.adapters.postgres import view_statements as statements
from app.adapters.postgres.pool import Connection, Database
from app.adapters.postgres.work import read_work
from app.domain.acceptance import Acceptance
from app.services.board import (
    Deliveries,
    Listing,
    Search,
    Situation,
    Suggestion,
    TagView,
    TimelineEntry,
    TimelineQuery,
)
from app.services.queries import RolloutSummary, WatchView
from app.services.standstill import standstill

_NAMED = f"{statements.FEW_WATCHES} AND w.name = ANY($2)"

_ROLLOUTS_OF = f"""
{statements.ROLLOUTS}
JOIN (SELECT rollout_id, asked_at FROM rollout_watches WHERE watch_name = $1 ORDER BY asked_at DESC LIMIT $2) newest
  USING (rollout_id)
ORDER BY newest.asked_at DESC, rollout_id
"""

# The look that was last knows best what the tag shows; before that, what was found when it was wanted, or what ran.
_TAG = """
SELECT
  (SELECT first_seen_at FROM tag_sightings t WHERE t.watch_name = w.name AND t.tag = $2) AS first_seen_at,
  coalesce(
    CASE WHEN w.wanted_tag = $2 THEN nullif(w.wanted_digest, '') END,
    (SELECT digest FROM sightings s WHERE s.watch_name = w.name AND s.tag = $2 ORDER BY first_seen_at DESC LIMIT 1),
    (SELECT nullif(ran ->> 'digest', '') FROM jsonb_array_elements(w.running) ran WHERE ran ->> 'tag' = $2 LIMIT 1),
    (SELECT key FROM jsonb_each_text(w.digest_tags) WHERE value = $2 LIMIT 1),
    '') AS digest
FROM watches w WHERE w.name = $1
"""


class PostgresBoard:
    """`Board` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def situation(self) -> Situation:
        """What every page tells, in five statements."""
        async with self._database.connection() as connection:
            switch = await connection.fetchrow(statements.SWITCH)
            away = await connection.fetch(statements.AWAY)
            unknown = await connection.fetch(statements.UNKNOWN_SOURCES)
            work = await read_work(connection)
        return Situation(
            now=switch["now"],
            paused=switch["paused"],
            paused_by=switch["changed_by"],
            paused_at=switch["changed_at"],
            away=(*(rows.away(row) for row in away), *standstill(work)),
            unknown_sources=tuple(rows.unknown_source(row) for row in unknown),
            unsent_notifications=switch["unsent"],
        )

    async def listing(self, search: Search, *, offset: int, limit: int) -> Listing:
        """A page of watches, in two statements, or three when something is searched for."""
        if not all(_storable(term) for term in search.terms):
            everything = await self.listing(Search(), offset=0, limit=0)
            return Listing(watches=(), total=everything.total, found=0, counts={})
        async with self._database.connection() as connection:
            page = await listing.find(connection, search, offset=offset, limit=limit)
            watches = await _views(connection, page.names)
        wanted = search.conditions or page.counts
        return Listing(
            watches=watches,
            total=page.total,
            found=sum(count for each, count in page.counts.items() if each in wanted),
            counts=page.counts,
            matched_tags=page.matched_tags,
        )

    async def named(self, names: Sequence[str]) -> tuple[WatchView, ...]:
        """These watches, in one statement."""
        async with self._database.connection() as connection:
            return await _views(connection, [name for name in names if _storable(name)])

    async def suggestions(self, text: str, *, limit: int) -> tuple[Suggestion, ...]:
        """Names and tags to search for, in two statements."""
        if not _storable(text):
            return ()
        async with self._database.connection() as connection:
            return await suggesting.suggestions(connection, text, limit=limit)

    async def entries(self, query: TimelineQuery, *, limit: int) -> tuple[TimelineEntry, ...]:
        """What happened, in five statements at most."""
        if not (_storable(query.watch) and _storable(query.by)):
            return ()
        async with self._database.connection() as connection:
            return await happenings.entries(connection, query, limit=limit)

    async def people(self) -> tuple[str, ...]:
        """Who is named, in one statement."""
        async with self._database.connection() as connection:
            return await happenings.people(connection)

    async def deliveries(
        self, *, source: str, acceptance: Acceptance | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> Deliveries:
        """What registries sent, in three statements."""
        async with self._database.connection() as connection:
            return await sent.read(connection, source=source, acceptance=acceptance, before=before, limit=limit)

    async def tag(self, watch: str, tag: str) -> TagView:
        """What is known of a tag, in one statement."""
        unknown = TagView(tag=tag, first_seen_at=None, digest="")
        if not (_storable(watch) and _storable(tag)):
            return unknown
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_TAG, watch, tag)
        return TagView(tag=tag, first_seen_at=row["first_seen_at"], digest=row["digest"]) if row else unknown

    async def rollouts_of(self, watch: str, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The watch's newest rollouts, in one statement."""
        if not _storable(watch):
            return ()
        async with self._database.connection() as connection:
            return tuple(rows.rollout_summary(row) for row in await connection.fetch(_ROLLOUTS_OF, watch, limit))


async def _views(connection: Connection, names: Sequence[str]) -> tuple[WatchView, ...]:
    found = {row["name"]: row for row in await connection.fetch(_NAMED, False, list(names))}
    return tuple(rows.watch_view(found[name]) for name in names if name in found)


def _storable(text: str) -> bool:
    """Whether Postgres takes the text; what it does not take is in nothing that it holds."""
    return "\0" not in text and text == text.encode(errors="ignore").decode()
