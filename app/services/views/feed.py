"""What changed, as it changes: one stream of the store, shared by every page that is open. Values and the port.

A change says only what to read again; it may come more than once, and says nothing of what it is now.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to read again: these watches, rollouts (ids), the situation (pause, what is away), what registries sent.

    `everything` is said when changes may have been lost (the store was away): all that is shown is to be read again.
    """

    watches: frozenset[str] = frozenset()
    rollouts: frozenset[str] = frozenset()
    situation: bool = False
    deliveries: bool = False
    everything: bool = False


class Feed(Protocol):
    """The changes of the store, while somebody listens."""

    @property
    def problem(self) -> str:
        """Why changes cannot be heard now; "" while they are, or nobody has tried yet."""
        ...

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Changes from now on, collected for a moment; the iterator ends when the process stops.

        Yields Change(everything=True) once the store can be listened to (again).
        """
        ...
