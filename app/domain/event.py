"""What a registry told us, normalised: one pushed or deleted tag, and what counts as the same event.

An event is a hint. Nothing here is trusted beyond "look at this repository now".
"""

from dataclasses import dataclass
from enum import StrEnum


class EventAction(StrEnum):
    """What happened to the tag."""

    PUSH = "push"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """One tag set or removed, as a sender described it.

    `host` is None when the sender does not name its registry; `digest` is None when it does not name the content.
    `event_id` is the sender's identity of the event: equal on every retry of it, None when it has none.
    """

    action: EventAction
    host: str | None
    path: str
    tag: str
    digest: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A part of a delivery that was not understood: where it stands and why; kept so that a person can see it."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What one delivery holds: tag events to act on, how many events need nothing, and what was odd."""

    events: tuple[PushEvent, ...] = ()
    ignored: int = 0
    oddities: tuple[Oddity, ...] = ()
