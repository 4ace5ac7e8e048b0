"""What the pages read beyond `queries`: watches by search and need, what happened, and what registries sent.

Values and their store. It changes nothing and asks no registry and no Nomad.
"""

from collections.abc import Collection, Mapping, Sequence
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
    """Which watches: those that hold every one of `terms`, and are in one of `conditions` (all when empty).

    A term is found in a watch's name, its repository, or any tag that its registry has, runs or is wanted; case does
    not count, and no character of it is special.
    """

    terms: tuple[str, ...] = ()
    conditions: frozenset[Condition] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of watches, by condition, then in the configuration's order; without their tags.

    `total` is how many watches there are at all, `found` how many of them the search finds; `counts` how many of those
    that hold its terms are in each condition.
    `matched_tags` has, for a watch that a term was found in only by one of its registry's tags, such a tag.
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
    """What every page tells: the pause, what is away, who posts in vain, and notifications that could not be sent."""

    now: datetime
    paused: bool
    paused_by: str
    paused_at: datetime
    outages: tuple[SystemOutage, ...]
    unknown_sources: tuple[UnknownSource, ...]
    unsent_notifications: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One line of history, of something that happened to one watch or, with `watch` "", to all.

    `by` is the person (a word, a rollout that one asked for), or the webhook source; "" when nobody is named. `message`
    say what happened. `key` orders entries of the same time and tells them apart. Only a decision has `reason` (None
    for a deploy), `reconciles`, `last_at` and `found_by` (how the digest that it weighs was first found);
    only an outcome has `outcome`; only a word has `action`.
    """

    at: datetime
    kind: EntryKind
    key: str
    watch: str
    message: str
    by: str = ""
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
    """Which entries: of these watches and kinds and by these people (all when empty), before (at, key) when given."""

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
    """How a webhook source does, of what is remembered: deliveries of the last day by acceptance, the last of all."""

    source: str
    last_at: datetime | None
    day: Mapping[Acceptance, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A change that polling found although webhooks are heard of that repository: its webhook was lost."""

    watch: str
    tag: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryListing:
    """What registries sent, newest first, and how well they do. `missed` are the newest ones of the last day."""

    deliveries: tuple[DeliverySummary, ...]
    sources: tuple[SourceHealth, ...]
    missed: tuple[Missed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagView:
    """A tag of a watch: when it was first seen, None when it was there at the first look or is unknown; and the digest
    that it was last known to show, "" when never asked for."""

    tag: str
    first_found_at: datetime | None
    digest: str


class Board(Protocol):
    """The store, read for pages. All methods raise StoreUnavailable, and take a constant number of statements."""

    async def situation(self) -> Situation:
        """What every page tells."""
        ...

    async def listing(self, search: Search, *, offset: int, limit: int) -> Listing:
        """Up to `limit` watches behind the first `offset`."""
        ...

    async def named(self, names: Sequence[str]) -> tuple[WatchView, ...]:
        """The configured ones of these watches, without their tags, in the order of `names`."""
        ...

    async def suggestions(self, text: str, *, limit: int) -> tuple[Suggestion, ...]:
        """Names and tags that hold the text, those that begin with it first; names before tags."""
        ...

    async def entries(self, query: TimelineQuery, *, limit: int) -> tuple[TimelineEntry, ...]:
        """What happened, newest first."""
        ...

    async def people(self) -> tuple[str, ...]:
        """Who is named in what is remembered, by name."""
        ...

    async def deliveries(
        self, *, source: str, acceptance: Acceptance | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> DeliveryListing:
        """Deliveries of that source ("" for all) and acceptance, before (received_at, id) when given."""
        ...

    async def tag(self, watch: str, tag: str) -> TagView:
        """What is known of a tag."""
        ...

    async def rollouts_of(self, watch: str, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The watch's newest rollouts, newest first."""
        ...
