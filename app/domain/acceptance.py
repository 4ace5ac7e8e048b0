"""What became of a delivery, by what it holds. Pure; a store that counts as it writes makes its SQL of the table."""

from collections.abc import Collection, Mapping
from enum import StrEnum


class Acceptance(StrEnum):
    """What became of a delivery: events in it were taken, all were known already, nothing in it is of use, or something
    in it was odd and is kept to be looked at."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class Content(StrEnum):
    """What a delivery may hold: parts that were not understood, new events, and events that were known already."""

    ODD = "odd"
    NEW = "new"
    KNOWN = "known"


OF_CONTENT: Mapping[Content, Acceptance] = {
    Content.ODD: Acceptance.QUARANTINED,
    Content.NEW: Acceptance.ACCEPTED,
    Content.KNOWN: Acceptance.DUPLICATE,
}
"""The acceptance of a delivery that holds this; the first that it holds counts."""

OF_NOTHING = Acceptance.IGNORED

WITH_EVENTS = frozenset({Acceptance.ACCEPTED, Acceptance.QUARANTINED})
"""Deliveries that may have brought an event: each is listed with the events that it was the first to tell."""


def acceptance_of(content: Collection[Content]) -> Acceptance:
    """The acceptance of a delivery that holds `content`."""
    return next((found for each, found in OF_CONTENT.items() if each in content), OF_NOTHING)
