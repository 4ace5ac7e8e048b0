"""What must become of an authenticated delivery. Its status is always 202: some senders repeat any other for ever."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.hostile.door import Headers

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that must be a row; the identity is not compared if it is "*"."""

    tag: str = "v1.0.0"
    path: str = "team/app"
    digest: str | None = A
    action: str = "push"
    identity: str | None = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The rows and counts that a delivery must leave. `odd` is whether something of it is kept for people."""

    events: tuple[Event, ...] = ()
    ignored: int = 0
    duplicates: int = 0
    odd: bool = False

    @property
    def acceptance(self) -> str:
        """The value in the table of deliveries."""
        if self.odd:
            return "quarantined"
        return "accepted" if self.events else "duplicate" if self.duplicates else "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCase:
    """A delivery with the right secret, and its label."""

    name: str
    body: bytes | Sequence[bytes]
    label: Label
    headers: Headers = ()


QUARANTINED = Label(odd=True)
"""Nothing of it can be read as its sender documents it; it is kept for people."""

IGNORED = Label(ignored=1)
"""A sound event that concerns no tag."""

NOTHING = Label()
"""A sound delivery without an event."""
