"""Facts for the tests of why: a watch that follows releases and runs v1.0.0."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain.decision import HoldReason
from app.domain.history import Image
from app.domain.rollout import Origin, OutcomeKind
from app.domain.why.facts import Deed, MadeDecision, Push, RunningPeriod, TagDigest, TagFacts, TagRollout, WatchFacts

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
D1, D2 = "sha256:1", "sha256:2"


def at(minutes: float) -> datetime:
    """So many minutes after the first check."""
    return FIRST + timedelta(minutes=minutes)


def decided(reason: HoldReason | None = HoldReason.UP_TO_DATE, tag: str = "v1.0.0", **changes: Any) -> MadeDecision:
    """The last decision."""
    values: dict[str, Any] = {"digest": D1, "first_at": at(1), "last_at": at(60), "message": f"because of {tag}"}
    return MadeDecision(reason=reason, tag=tag, **{**values, **changes})


def ran(tag: str, began: float, ended: float | None = None, digest: str = D1) -> RunningPeriod:
    """A period, in minutes after the first check."""
    ended_at = at(ended) if ended is not None else None
    return RunningPeriod(image=Image(tag=tag, digest=digest), began_at=at(began), ended_at=ended_at)


def rolled_out(outcome: OutcomeKind | None, **changes: Any) -> TagRollout:
    """A rollout of a tag, from minute 10 to 20."""
    found = TagRollout(
        rollout_id=UUID(int=1),
        digest=D2,
        origin=Origin.RULE,
        by="",
        created_at=at(10),
        ended_at=at(20) if outcome is not None else None,
        outcome=outcome,
        reason="exited with code 3" if outcome is OutcomeKind.FAILED else "it ended",
    )
    return replace(found, **changes)


def push(minutes: float, digest: str = D2, **changes: Any) -> Push:
    """A delivery that named the tag."""
    return replace(Push(delivery_id=UUID(int=2), source="main", at=at(minutes), digest=digest), **changes)


def shown(digest: str = D2, minutes: float = 5) -> TagDigest:
    """A digest that the registry showed for a tag."""
    return TagDigest(digest=digest, first_found_at=at(minutes), since=at(minutes))


def tag(name: str, **changes: Any) -> TagFacts:
    """A tag that the last list has, and that became known at minute 5."""
    return replace(TagFacts(tag=name, is_listed=True, listed_at=at(5)), **changes)


WATCH = WatchFacts(
    name="app",
    registry="main",
    first_checked_at=FIRST,
    tags=frozenset({"v1.0.0"}),
    desired=Image(tag="v1.0.0", digest=D1),
    specified=frozenset({Image(tag="v1.0.0", digest=D1)}),
    decision=decided(),
    periods=(ran("v1.0.0", 0),),
    has_webhooks=True,
)
ANN = Deed(by="ann", at=at(30))


def desires(reason: HoldReason, name: str = "v1.1.0", **changes: Any) -> WatchFacts:
    """The watch, which desires `name` at D2 and holds it."""
    desired = Image(tag=name, digest=D2)
    return replace(WATCH, desired=desired, decision=decided(reason, name, digest=D2), **changes)
