"""Changes of the store as a stream, shared by all open pages. Values and the port.

A change names only what to read again; it may arrive more than once, and does not contain the new values.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to read again: these watches, rollouts (ids), the situation (pause, outages), deliveries.

    `everything` is True if changes may have been lost (the store was away): read all that is shown again.
    """

    watches: frozenset[str] = frozenset()
    rollouts: frozenset[str] = frozenset()
    situation: bool = False
    deliveries: bool = False
    everything: bool = False


class Feed(Protocol):
    """The changes of the store, for those who listen."""

    @property
    def problem(self) -> str:
        """Why changes cannot be received now; "" if they are, or if nobody has listened yet."""
        ...

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Changes from now on, collected in short batches; the iterator ends when the process stops.

        Yields Change(everything=True) once the store can be listened to (again).
        """
        ...
