"""What is stored about a watch and one of its tags, as far as it explains why the tag runs or does not. Values only.

Times are the database's. None, "" and empty collections mean unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain.decision import HoldReason
from app.domain.history import Image
from app.domain.rollout import Origin, OutcomeKind
from app.domain.timeline import FoundBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A delivery's event that named the tag. `digest` is what the sender claimed; `is_settled` is whether a reconcile
    has answered it."""

    delivery_id: UUID
    source: str
    at: datetime
    digest: str = ""
    is_settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDigest:
    """A digest that the registry showed for a tag; `since` is when the tag got it the last time."""

    digest: str
    first_found_at: datetime
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPeriod:
    """An image ran from `began_at` to `ended_at`; None while it runs."""

    image: Image
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRollout:
    """A rollout of the tag to the watch; `outcome` is None while it is under way."""

    rollout_id: UUID
    digest: str
    origin: Origin
    by: str
    created_at: datetime
    ended_at: datetime | None
    outcome: OutcomeKind | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeDecision:
    """A stored decision; `reason` is None for a deploy."""

    reason: HoldReason | None
    message: str
    tag: str
    digest: str
    first_at: datetime
    last_at: datetime
    rollout_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who gave a command, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFacts:
    """A watch. `first_checked_at` is None before its first reconcile, `decision` is the last one's.

    `tags` are those of the last list; `specified` are the images in its job. `periods` are the newest, newest first.
    `failed` are the digests that are held. `outage` says why its registry cannot be read. `has_webhooks` is whether any
    delivery ever named its repository. `paused`, `switched_off`, `pinned` and `rolled_back` are the last commands of
    their kind.
    """

    name: str
    registry: str = ""
    pinned_tag: str = ""
    first_checked_at: datetime | None = None
    commanded_at: datetime | None = None
    tags: frozenset[str] = frozenset()
    desired: Image = field(default_factory=lambda: Image(tag="", digest=""))
    specified: frozenset[Image] = frozenset()
    decision: MadeDecision | None = None
    periods: tuple[RunningPeriod, ...] = ()
    failed: Mapping[str, datetime] = field(default_factory=dict)
    outage: str = ""
    job_outage: str = ""
    has_webhooks: bool = False
    paused: Deed | None = None
    switched_off: Deed | None = None
    pinned: Deed | None = None
    rolled_back: Deed | None = None
    drifted_at: datetime | None = None

    @property
    def running(self) -> frozenset[Image]:
        """The images that ran at the last reconcile."""
        return frozenset(each.image for each in self.periods if each.ended_at is None)

    @property
    def awaits_check(self) -> bool:
        """Whether a command came after the last decision."""
        return self.commanded_at is not None and (self.decision is None or self.decision.last_at < self.commanded_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFacts:
    """A tag. `is_listed` is whether the last list has it, `listed_at` when a list had it for the first time; None for a
    tag of the first list.

    `first_push` and `last_push` are the first and last events that named it. `digests` are the newest first; `rollout`
    and `decision` are the newest ones about it.
    """

    tag: str
    is_listed: bool = False
    listed_at: datetime | None = None
    absent_since: datetime | None = None
    first_push: Push | None = None
    last_push: Push | None = None
    digests: tuple[TagDigest, ...] = ()
    rollout: TagRollout | None = None
    decision: MadeDecision | None = None

    @property
    def digest(self) -> str:
        """The digest that the registry showed last."""
        return self.digests[0].digest if self.digests else ""

    @property
    def digest_changed(self) -> bool:
        """Whether the tag is known to have had more than one digest."""
        claimed = {each.digest for each in (self.first_push, self.last_push) if each is not None and each.digest}
        return len(self.digests) > 1 or len(claimed) > 1

    @property
    def known_at(self) -> datetime | None:
        """When the tag became known; None if the first list had it, or if its records were deleted."""
        if self.listed_at is None and (self.is_listed or self.absent_since is not None):
            return None
        pushed = [self.first_push.at] if self.first_push is not None else []
        listed = [self.listed_at] if self.listed_at is not None else []
        return min((*pushed, *listed), default=None)

    @property
    def found_by(self) -> FoundBy:
        """What told of the tag first; UNKNOWN if the first list had it, or if nothing did."""
        if self.known_at is None:
            return FoundBy.UNKNOWN
        return FoundBy.POLL if self.known_at == self.listed_at else FoundBy.WEBHOOK
