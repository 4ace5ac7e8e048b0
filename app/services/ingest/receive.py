"""Stores a delivery, and wakes workers to reconcile its targets. An event is a hint: no registry is asked here.

A delivery is acknowledged only after its commit. The wake-up is sent in the background; a lost one is repeated.
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

_NAMED = 10  # events that a line of the log names


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One authenticated HTTP call of a registry. `size` is in bytes, as far as they were read.

    `body` is kept for people, only if something in it was odd; None if it was too large. `headers` are kept with it:
    those that are needed to parse it again, without credentials.
    """

    delivery_id: UUID
    source: str
    size: int
    parsed: Parsed
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The result of a delivery: counts of its new, duplicate and ignored events, and the targets that became due."""

    delivery_id: UUID
    new: int
    duplicates: int
    ignored: int
    oddities: tuple[Oddity, ...]
    target_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnswerView:
    """The result of an event for one watch. `answer` and `decision` are messages, "" while nothing is known.

    `settled_at` is None while the event waits for a reconcile; `rollout_id` is the rollout that it caused.
    """

    watch: str
    settled_at: datetime | None
    answer: str
    decision: str
    rollout_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One parsed event, and its result for each watch that it concerns."""

    event: PushEvent
    answers: tuple[EventAnswerView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One stored delivery."""

    delivery_id: UUID
    source: str
    received_at: datetime
    size: int
    ignored: int
    duplicates: int
    oddities: tuple[Oddity, ...]
    events: tuple[EventView, ...]


class Inbox(Protocol):
    """The store of deliveries. All methods raise StoreUnavailable; none raises because of a delivery's content."""

    async def store(self, delivery: Delivery) -> Receipt:
        """Commit the delivery and its new events, and make the targets due whose watches they concern.

        An event is new unless its source sent the same `event_id` before. It concerns the watches of its path; if some
        of them have its host, only these. If events cannot be stored, the delivery gets an oddity.
        """
        ...

    async def note_unknown(self, source: str) -> None:
        """Record a post to a source that is not configured; the latest hundred are kept."""
        ...

    async def read(self, delivery_id: UUID) -> DeliveryView | None:
        """The parsed delivery and its results; None if it is not (or no longer) known."""
        ...


async def receive(inbox: Inbox, waker: Waker, delivery: Delivery) -> Receipt:
    """Store the delivery, then wake for each target that became due. Raises StoreUnavailable: nothing may be lost."""
    receipt = await inbox.store(delivery)
    for target_id in receipt.target_ids:
        waker.wake(RECONCILE, str(target_id))
    # Blobs and pulls are nineteen of twenty events: a line for each would hide the others.
    if receipt.new or receipt.duplicates or receipt.oddities:
        log.info(
            "event.received",
            delivery=str(receipt.delivery_id),
            what=[f"{each.path}:{each.tag}" for each in delivery.parsed.events[:_NAMED]],
            source=delivery.source,
            new=receipt.new,
            duplicates=receipt.duplicates,
            targets=receipt.target_ids,
            oddities=[f"{oddity.where}: {oddity.problem}" for oddity in receipt.oddities],
        )
    return receipt
