"""Events of a registry, normalised: one pushed or deleted tag, and the identity of the event.

An event is a hint. It is trusted for nothing but "check this repository now".
"""

from dataclasses import dataclass, replace
from enum import StrEnum

MOST_EVENTS = 1_000
"""The events that are taken of one delivery. Registries send one; Postgres could not store tens of thousands within the
second that a sender waits, so the sender would send them again for ever."""


class EventAction(StrEnum):
    """Whether the tag was set or removed."""

    PUSH = "push"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """One tag set or removed, as a sender described it.

    `host` is None if the sender does not name its registry; `digest` is None if the sender does not name the content.
    `event_id` is the sender's id of the event: the same on every retry, None if the sender has none.
    """

    action: EventAction
    host: str | None
    path: str
    tag: str
    digest: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A part of a delivery that was not understood: where it is, and why. It is kept so that a person can see it."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The content of one delivery: tag events to act on, the number of events to ignore, and parts not understood."""

    events: tuple[PushEvent, ...] = ()
    ignored: int = 0
    oddities: tuple[Oddity, ...] = ()


def bounded(parsed: Parsed) -> Parsed:
    """The content with its first MOST_EVENTS events; an oddity counts the others."""
    count = len(parsed.events)
    if count <= MOST_EVENTS:
        return parsed
    problem = f"{count - MOST_EVENTS:,} more events are left out: {MOST_EVENTS:,} are read; polling finds their tags"
    oddity = Oddity(where="events", problem=problem)
    return replace(parsed, events=parsed.events[:MOST_EVENTS], oddities=(*parsed.oddities, oddity))
