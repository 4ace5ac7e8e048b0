"""Deliveries of pushes, as a registry sends them."""

from uuid import uuid4

from app.domain.event import EventAction, Parsed, PushEvent
from app.services.ingest.receive import Delivery

HOST = "registry.example.com"
DIGEST = "sha256:" + "a" * 64


def pushed(number: int, *, path: str = "team/app", tag: str = "v1") -> PushEvent:
    return PushEvent(action=EventAction.PUSH, host=HOST, path=path, tag=tag, digest=DIGEST, event_id=f"event-{number}")


def delivery(*events: PushEvent) -> Delivery:
    return Delivery(delivery_id=uuid4(), source="main", size=10, parsed=Parsed(events=events))
