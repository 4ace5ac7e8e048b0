"""The values of pages beyond app/services/views/queries.py: watches by search and condition, timelines, deliveries.

Values and their store. It changes nothing, and asks neither a registry nor Nomad.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.acceptance import Acceptance
from app.domain.condition import DEPLOY, UNDECIDED, Condition, Sign, condition_of
from app.domain.decision import HoldReason
from app.domain.rollout import OutcomeKind
from app.domain.timeline import EntryKind, FoundBy
from app.services.commands.audit import AuditAction
from app.services.views.queries import RolloutSummary, SystemOutage, UnknownSource, WatchView


def condition(watch: WatchView) -> Condition:
    """The condition of a watch, by which a list is sorted."""
    if watch.decision is None:
        return condition_of(_signs(watch), UNDECIDED)
    return condition_of(_signs(watch), watch.decision.reason or DEPLOY)


def _signs(watch: WatchView) -> Collection[Sign]:
    rollout = watch.rollout
    found = {
        Sign.OUTAGE: bool(watch.registry_outage or watch.job_outage),
        Sign.MISSING_IMAGE: watch.missing_image is not None,
        Sign.AWAITS_PROMOTION: rollout is not None and rollout.awaits_promotion,
        Sign.UNDERWAY: rollout is not None and rollout.outcome is None,
    }
    return [each for each, is_so in found.items() if is_so]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Selects the watches that contain all `terms`, and have one of `conditions` (any if empty).

    A term is found in a watch's name, its repository, or a tag that its registry has, that runs, or that is desired.
    Case does not count, and no character is special.
    """

    terms: tuple[str, ...] = ()
    conditions: frozenset[Condition] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of watches, by condition, then in the configuration's order; without their tags.

    `total` is the number of all watches, `found` the number that the search finds; `counts` has, for each condition,
    the number of watches that contain the terms. `matched_tags` has a tag for each watch that was found only by one of
    its registry's tags.
    """

    watches: tuple[WatchView, ...]
    total: int
    found: int
    counts: Mapping[Condition, int]
    matched_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A text to search for: a watch's name, or a tag that `watches` watches have."""

    text: str
    is_tag: bool
    watches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What every page shows: the pause, outages, unknown webhook sources, and notifications that could not be sent."""

    now: datetime
    paused: bool
    paused_by: str
    paused_at: datetime
    outages: tuple[SystemOutage, ...]
    unknown_sources: tuple[UnknownSource, ...]
    unsent_notifications: int
    paused_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One line of history, about one watch or, if `watch` is "", about all.

    `by` is the actor of a command or of the rollout that it requested, or the webhook source; "" if there is none.
    `message` says what happened, `why` is the reason that a person gave for a command, "" without one. `key` orders
    entries of the same time and distinguishes them. Only a decision has `reason` (None for a deploy), `reconciles`,
    `last_at` and `found_by` (how its digest was first found); only an outcome has `outcome`; only a command has
    `action`.
    """

    at: datetime
    kind: EntryKind
    key: str
    watch: str
    message: str
    by: str = ""
    why: str = ""
    tag: str = ""
    digest: str = ""
    reason: HoldReason | None = None
    reconciles: int = 0
    last_at: datetime | None = None
    found_by: FoundBy = FoundBy.UNKNOWN
    outcome: OutcomeKind | None = None
    action: AuditAction | None = None
    rollout_id: UUID | None = None
    delivery_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineQuery:
    """Selects entries: of this watch, these kinds and this actor (all if empty), before (at, key) if given."""

    watch: str = ""
    kinds: frozenset[EntryKind] = frozenset()
    by: str = ""
    before: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySummary:
    """One delivery in a line. `what` names up to three of its events ("team/app:v1.0.0"), `oddity` its first one."""

    delivery_id: UUID
    source: str
    received_at: datetime
    acceptance: Acceptance
    events: int
    ignored: int
    duplicates: int
    size: int
    what: tuple[str, ...]
    oddity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The stored deliveries of a webhook source: counts of the last day by acceptance, and the time of the last one."""

    source: str
    last_at: datetime | None
    day: Mapping[Acceptance, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A change that polling found although the repository sends webhooks: its webhook was lost."""

    watch: str
    tag: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryListing:
    """Deliveries, newest first, and the health of their sources. `missed` are the newest ones of the last day."""

    deliveries: tuple[DeliverySummary, ...]
    sources: tuple[SourceHealth, ...]
    missed: tuple[Missed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagView:
    """A tag of a watch: when it was first found, None if the first reconcile found it or it is unknown; and its last
    known digest, "" if it was never resolved."""

    tag: str
    first_found_at: datetime | None
    digest: str


class Board(Protocol):
    """The store, read for pages. All methods raise StoreUnavailable, and take a constant number of statements."""

    async def situation(self) -> Situation:
        """What every page shows."""
        ...

    async def listing(self, search: Search, *, offset: int, limit: int) -> Listing:
        """Up to `limit` watches after the first `offset`."""
        ...

    async def suggestions(self, text: str, *, limit: int) -> tuple[Suggestion, ...]:
        """Names and tags that contain the text, those that begin with it first; names before tags."""
        ...

    async def entries(self, query: TimelineQuery, *, limit: int) -> tuple[TimelineEntry, ...]:
        """Timeline entries, newest first."""
        ...

    async def people(self) -> tuple[str, ...]:
        """The names of all actors in the stored history, sorted."""
        ...

    async def deliveries(
        self, *, source: str, acceptance: Acceptance | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> DeliveryListing:
        """Deliveries of that source ("" for all) and acceptance, before (received_at, id) if given."""
        ...

    async def tag(self, watch: str, tag: str) -> TagView:
        """What is known of a tag."""
        ...

    async def rollouts_of(self, watch: str, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The watch's newest rollouts, newest first."""
        ...
