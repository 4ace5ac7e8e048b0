"""An Inbox in memory, for tests of its callers; it passes the same contract as the Postgres inbox."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from app.domain.event import Oddity, Parsed, PushEvent
from app.errors import StoreUnavailable
from app.services.ingest.receive import Delivery, DeliveryView, EventAnswerView, EventView, Receipt
from app.services.ingest.replay import KeptDelivery, Replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownWatch:
    """The fields of a watch that an inbox reads."""

    name: str
    target_id: int
    host: str
    path: str
    present: bool = True


@dataclass(slots=True)
class MemoryInbox:
    """`outages` makes it refuse everything, as while Postgres is stopped; `broken` is raised as a bug would be.

    `generations` counts how often a target became due.
    """

    watches: list[KnownWatch] = field(default_factory=list)
    outages: bool = False
    broken: Exception | None = None
    generations: dict[int, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    deliveries: dict[UUID, tuple[Delivery, int, list[PushEvent]]] = field(default_factory=dict)
    replayed: list[tuple[UUID, str]] = field(default_factory=list)
    _identities: set[tuple[str, str]] = field(default_factory=set)

    async def store(self, delivery: Delivery) -> Receipt:
        self._require()
        delivery = delivery if _is_storable(delivery) else _quarantined(delivery)
        fresh = [event for event in delivery.parsed.events if self._is_new(delivery.source, event)]
        targets = sorted({watch.target_id for event in fresh for watch in self._concerned(event)})
        for target_id in targets:
            self.generations[target_id] = self.generations.get(target_id, 0) + 1
        duplicates = len(delivery.parsed.events) - len(fresh)
        self.deliveries[delivery.delivery_id] = (delivery, duplicates, fresh)
        return Receipt(
            delivery_id=delivery.delivery_id,
            new=len(fresh),
            duplicates=duplicates,
            ignored=delivery.parsed.ignored,
            oddities=delivery.parsed.oddities,
            target_ids=tuple(targets),
        )

    async def note_unknown(self, source: str) -> None:
        self._require()
        self.unknown = [*(name for name in self.unknown if name != source), source][-100:]

    async def read(self, delivery_id: UUID) -> DeliveryView | None:
        self._require()
        if delivery_id not in self.deliveries:
            return None
        delivery, duplicates, fresh = self.deliveries[delivery_id]
        return DeliveryView(
            delivery_id=delivery_id,
            source=delivery.source,
            received_at=datetime.now(UTC),
            size=delivery.size,
            ignored=delivery.parsed.ignored,
            duplicates=duplicates,
            oddities=delivery.parsed.oddities,
            events=tuple(EventView(event=event, answers=self._pending(event)) for event in fresh),
        )

    async def kept(self, delivery_id: UUID) -> KeptDelivery | None:
        self._require()
        if delivery_id not in self.deliveries:
            return None
        delivery, _, fresh = self.deliveries[delivery_id]
        return KeptDelivery(source=delivery.source, body=delivery.body, events=len(fresh), headers=delivery.headers)

    async def replay(self, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
        self._require()
        delivery, _, fresh = self.deliveries[delivery_id]
        events = [*fresh, *(parsed.events if parsed else ())]
        watches = [watch for event in events for watch in self._concerned(event)]
        self.replayed.append((delivery.delivery_id, by))
        return Replayed(
            events=len(events),
            watches=tuple(dict.fromkeys(watch.name for watch in watches)),
            target_ids=tuple(sorted({watch.target_id for watch in watches})),
            odd=bool(parsed and parsed.oddities),
        )

    def _require(self) -> None:
        if self.outages:
            raise StoreUnavailable("away for a test")
        if self.broken is not None:
            raise self.broken

    def _is_new(self, source: str, event: PushEvent) -> bool:
        if event.event_id is None:
            return True
        if (source, event.event_id) in self._identities:
            return False
        self._identities.add((source, event.event_id))
        return True

    def _concerned(self, event: PushEvent) -> list[KnownWatch]:
        same_path = [watch for watch in self.watches if watch.present and watch.path == event.path]
        return [watch for watch in same_path if watch.host == event.host] or same_path

    def _pending(self, event: PushEvent) -> tuple[EventAnswerView, ...]:
        names = sorted(watch.name for watch in self._concerned(event))
        return tuple(
            EventAnswerView(watch=name, settled_at=None, answer="", decision="", rollout_id=None) for name in names
        )


def _is_storable(delivery: Delivery) -> bool:
    return all("\x00" not in event.tag for event in delivery.parsed.events)


def _quarantined(delivery: Delivery) -> Delivery:
    parsed = delivery.parsed
    oddity = Oddity(where="events", problem="cannot be stored")
    ignored = parsed.ignored + len(parsed.events)
    return replace(delivery, parsed=Parsed(ignored=ignored, oddities=(*parsed.oddities, oddity)))
