"""How a delivery counts, by its content. Pure; a statement that counts while it writes is built from the table."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from app.domain.event import Parsed


class Acceptance(StrEnum):
    """How a delivery counts: with new events, with known events only, with nothing of use, or with a part that was not
    understood and is kept for a person."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class Content(StrEnum):
    """The content that a delivery may have: parts that were not understood, new events, and known events."""

    ODD = "odd"
    NEW = "new"
    KNOWN = "known"


OF_CONTENT: Mapping[Content, Acceptance] = {
    Content.ODD: Acceptance.QUARANTINED,
    Content.NEW: Acceptance.ACCEPTED,
    Content.KNOWN: Acceptance.DUPLICATE,
}
"""The acceptance for each content. If a delivery has several, the first of this table counts."""

OF_NOTHING = Acceptance.IGNORED

WITH_EVENTS = frozenset({Acceptance.ACCEPTED, Acceptance.QUARANTINED})
"""Deliveries that may contain a new event. Each is listed with the events that it reported first."""


def acceptance_of(content: Collection[Content]) -> Acceptance:
    """The acceptance of a delivery with this content."""
    return next((found for each, found in OF_CONTENT.items() if each in content), OF_NOTHING)


def content_without_events(parsed: Parsed) -> Collection[Content]:
    """The content of a delivery that reports no event; whether events are new, only the store knows."""
    return (Content.ODD,) if parsed.oddities else ()
