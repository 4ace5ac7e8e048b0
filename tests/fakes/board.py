"""A Board over values that the test sets, newest first.

It passes the contract of the Postgres board. Its search matches names only.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from app.domain.acceptance import Acceptance
from app.domain.condition import Condition
from app.domain.timeline import EntryKind
from app.services.views.board import (
    DeliveryListing,
    DeliverySummary,
    Listing,
    Missed,
    Search,
    Situation,
    SourceHealth,
    Suggestion,
    TagView,
    TimelineEntry,
    TimelineQuery,
    condition,
)
from app.services.views.queries import RolloutSummary, SystemOutage, UnknownSource, WatchView

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORDER = list(Condition)


@dataclass
class MemoryBoard:
    """`outage` is raised instead of any answer. `rollouts` are those of every known watch."""

    known: tuple[WatchView, ...] = ()
    happened: tuple[TimelineEntry, ...] = ()
    rollouts: tuple[RolloutSummary, ...] = ()
    sent: tuple[DeliverySummary, ...] = ()
    sources: tuple[SourceHealth, ...] = ()
    missed: tuple[Missed, ...] = ()
    absent: tuple[SystemOutage, ...] = ()
    unknown_sources: tuple[UnknownSource, ...] = ()
    unsent_notifications: int = 0
    paused: bool = False
    paused_reason: str = ""
    tags_seen: dict[str, TagView] = field(default_factory=dict)
    outage: Exception | None = None

    async def situation(self) -> Situation:
        self._check()
        return Situation(
            now=NOW,
            paused=self.paused,
            paused_by="ann",
            paused_at=NOW,
            outages=self.absent,
            unknown_sources=self.unknown_sources,
            unsent_notifications=self.unsent_notifications,
            paused_reason=self.paused_reason,
        )

    async def listing(self, search: Search, *, offset: int, limit: int) -> Listing:
        self._check()
        held = [watch for watch in self.known if all(term.lower() in watch.name.lower() for term in search.terms)]
        found = [watch for watch in held if not search.conditions or condition(watch) in search.conditions]
        found.sort(key=lambda watch: ORDER.index(condition(watch)))
        return Listing(
            watches=tuple(replace(watch, tags=()) for watch in found[offset : offset + limit]),
            total=len(self.known),
            found=len(found),
            counts={each: sum(condition(watch) is each for watch in held) for each in Condition},
        )

    async def suggestions(self, text: str, *, limit: int) -> tuple[Suggestion, ...]:
        self._check()
        names = [watch.name for watch in self.known if text in watch.name]
        names.sort(key=lambda name: (not name.startswith(text), len(name), name))
        tags = Counter(tag for watch in self.known for tag in sorted(watch.tags, reverse=True) if text in tag)
        best = sorted(tags, key=lambda tag: (not tag.startswith(text), -tags[tag]))
        kept = names[:limit][: max(limit - len(best[:limit]), (limit + 1) // 2)]
        return (
            *(Suggestion(text=name, is_tag=False, watches=1) for name in kept),
            *(Suggestion(text=tag, is_tag=True, watches=tags[tag]) for tag in best[: limit - len(kept)]),
        )

    async def entries(self, query: TimelineQuery, *, limit: int) -> tuple[TimelineEntry, ...]:
        self._check()
        found = [
            each
            for each in self.happened
            if query.watch in ("", each.watch)
            and (not query.kinds or each.kind in query.kinds)
            and query.by in ("", each.by)
            and (query.before is None or (each.at, each.key) < query.before)
        ]
        return tuple(found[:limit])

    async def people(self) -> tuple[str, ...]:
        self._check()
        return tuple(sorted({each.by for each in self.happened if each.by and each.kind is not EntryKind.WEBHOOK}))

    async def deliveries(
        self, *, source: str, acceptance: Acceptance | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> DeliveryListing:
        self._check()
        found = [
            each
            for each in self.sent
            if source in ("", each.source)
            and acceptance in (None, each.acceptance)
            and (before is None or (each.received_at, each.delivery_id) < before)
        ]
        return DeliveryListing(deliveries=tuple(found[:limit]), sources=self.sources, missed=self.missed)

    async def tag(self, watch: str, tag: str) -> TagView:
        self._check()
        return self.tags_seen.get(tag, TagView(tag=tag, first_found_at=None, digest=""))

    async def rollouts_of(self, watch: str, *, limit: int) -> tuple[RolloutSummary, ...]:
        self._check()
        return self.rollouts[:limit] if any(each.name == watch for each in self.known) else ()

    def _check(self) -> None:
        if self.outage is not None:
            raise self.outage
