"""Keeps what a registry told us, and wakes the workers that have to look. A hint: must not ask any registry.

A delivery is acknowledged only after it was committed; waking is in the background, and a ring lost is rung again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from app.domain.event import Oddity, Parsed, PushEvent
from app.ports import Waker
from app.services.wakeup.wake import RECONCILE

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One authenticated HTTP call of a registry. `size` is in bytes, as far as they were read.

    `body` is what a person may want to see: kept only when something in it was odd, and None when it was too large.
    `headers` are kept with it, those that it takes to parse it again; no credentials.
    """

    delivery_id: UUID
    source: str
    size: int
    parsed: Parsed
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a delivery: events that are new, events told before, and the targets that are due by it."""

    delivery_id: UUID
    new: int
    duplicates: int
    ignored: int
    oddities: tuple[Oddity, ...]
    target_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnswerView:
    """What became of an event for one watch. `answer` and `decision` are words, "" while nothing is known.

    `settled_at` is None while looks are still to find what the event told; `rollout_id` is what it led to.
    """

    watch: str
    settled_at: datetime | None
    answer: str
    decision: str
    rollout_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One event as it was understood, and what became of it for each watch it concerns."""

    event: PushEvent
    answers: tuple[EventAnswerView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One delivery as it is remembered."""

    delivery_id: UUID
    source: str
    received_at: datetime
    size: int
    ignored: int
    duplicates: int
    oddities: tuple[Oddity, ...]
    events: tuple[EventView, ...]


class Inbox(Protocol):
    """The store of deliveries. All methods raise StoreUnavailable; none raises for what a delivery holds."""

    async def store(self, delivery: Delivery) -> Receipt:
        """Commit the delivery and its new events, and mark the targets due whose watches they concern.

        An event is new unless its source told the same `event_id` before. It concerns the watches of its path; of
        those only the ones of its host, if there are any. Events that cannot be stored make the delivery an odd one.
        """
        ...

    async def note_unknown(self, source: str) -> None:
        """Remember that somebody posts to a source that nobody configured; the latest hundred are remembered."""
        ...

    async def read(self, delivery_id: UUID) -> DeliveryView | None:
        """What was understood in a delivery and what became of it; None when it is not (or no longer) known."""
        ...


async def receive(inbox: Inbox, waker: Waker, delivery: Delivery) -> Receipt:
    """Store the delivery, then ring for each target that is due by it. Raises StoreUnavailable: nothing may be lost."""
    receipt = await inbox.store(delivery)
    for target_id in receipt.target_ids:
        waker.wake(RECONCILE, str(target_id))
    # Blobs and pulls are nineteen of twenty events: a line for each would hide the others.
    if receipt.new or receipt.duplicates or receipt.oddities:
        log.info(
            "event.received",
            delivery=str(receipt.delivery_id),
            source=delivery.source,
            new=receipt.new,
            duplicates=receipt.duplicates,
            targets=receipt.target_ids,
            oddities=[f"{oddity.where}: {oddity.problem}" for oddity in receipt.oddities],
        )
    return receipt
