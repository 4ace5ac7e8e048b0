"""Deliveries of the machine's registry: stored at once, twice, later, or never."""

from dataclasses import dataclass, field
from uuid import uuid4

from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.domain.event import EventAction, Parsed, PushEvent
from app.services.ingest.receive import Delivery
from tests.machine.stage import HOST, Stage, repository


@dataclass(slots=True)
class Deliveries:
    """`late` are the events that were not delivered yet."""

    stage: Stage
    late: list[PushEvent] = field(default_factory=list)

    async def send(self, event: PushEvent) -> None:
        """Store a delivery of the event."""
        inbox = PostgresInbox(self.stage.database, patience=90.0)
        await inbox.store(Delivery(delivery_id=uuid4(), source="distribution", size=1, parsed=Parsed(events=(event,))))


def pushed(job: str, tag: str, digest: str) -> PushEvent:
    """The event of a push."""
    return _event(EventAction.PUSH, job, tag, digest)


def deleted(job: str, tag: str) -> PushEvent:
    """The event of a deletion."""
    return _event(EventAction.DELETE, job, tag, None)


def _event(action: EventAction, job: str, tag: str, digest: str | None) -> PushEvent:
    return PushEvent(action=action, host=HOST, path=repository(job), tag=tag, digest=digest, event_id=str(uuid4()))
