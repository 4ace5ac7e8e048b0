"""The facts of a watch whose tags have many outcomes, with hostile names, for pages and the API."""

from dataclasses import replace
from uuid import UUID

from app.domain.decision import HoldReason
from app.domain.rollout import OutcomeKind
from app.domain.why.facts import TagFacts
from tests.unit.domain.why.facts import ANN, D1, at, desires, push, ran, rolled_out, shown, tag

FACTS = desires(
    HoldReason.AUTO_DEPLOY_OFF,
    "v3.0.0",
    switched_off=ANN,
    periods=(ran("v2.0.0", 10), ran("v1.0.0", 0, 10), ran("v0.9.0", -9, -1)),
    outage="connection refused",
)


def explained_tags(hostile: str, *, delivery: UUID, rollout: UUID) -> tuple[TagFacts, ...]:
    """One tag for each outcome that this watch can show, and one with a hostile name."""
    return (
        tag(
            "v3.0.0",
            first_push=push(40, delivery_id=delivery),
            last_push=push(50, D1, delivery_id=delivery),
            digests=(shown(), shown(D1)),
        ),
        tag("v2.0.0"),
        tag("v1.5.0", listed_at=at(12)),
        tag("v1.0.0", is_listed=False, listed_at=None, absent_since=at(30)),
        tag("v0.9.0"),
        tag("v2.5.0", rollout=rolled_out(None, rollout_id=rollout)),
        tag("v2.4.0", rollout=rolled_out(OutcomeKind.FAILED, reason=hostile, rollout_id=rollout)),
        tag("v2026.02.0"),
        replace(tag("latest"), is_listed=False, last_push=push(3, delivery_id=delivery)),
    )
