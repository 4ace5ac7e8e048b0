"""What changed, as it changes: one stream of the store, shared by every page that is open. Values and the port.

A change says only what to read again; it may come more than once, and says nothing of what it is now.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to read again: these watches, rollouts (ids), the situation (pause, what is away), what registries sent.

    `everything` is said when changes may have been lost: all that is shown is to be read again. `away` says why nothing
    is known for now.
    """

    watches: frozenset[str] = frozenset()
    rollouts: frozenset[str] = frozenset()
    situation: bool = False
    deliveries: bool = False
    everything: bool = False
    away: str = ""

    def __or__(self, other: "Change") -> "Change":
        """Both in one; what was away is known again when the later one does not say so."""
        return Change(
            watches=self.watches | other.watches,
            rollouts=self.rollouts | other.rollouts,
            situation=self.situation or other.situation,
            deliveries=self.deliveries or other.deliveries,
            everything=self.everything or other.everything,
            away=other.away,
        )


class Listener(Protocol):
    """One page's end of the stream. What it has not taken yet is kept as one change, however much happens."""

    async def next(self, *, within: float) -> Change | None:
        """The next change; None when there was none for `within` seconds. Raises FeedClosed when the process stops."""
        ...


class FeedClosed(Exception):
    """The stream ends: the process stops. A browser finds another process by itself."""


class Feed(Protocol):
    """The changes of the store, while somebody listens."""

    @property
    def listeners(self) -> int:
        """How many listen now."""
        ...

    def listen(self) -> AbstractAsyncContextManager[Listener]:
        """Changes from now on, gathered for a moment; the first says that everything is to be read, once the store can
        be listened to."""
        ...

    def close(self) -> None:
        """End every listener's stream, for good."""
        ...
