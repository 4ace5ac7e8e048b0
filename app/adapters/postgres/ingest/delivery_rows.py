"""Translates deliveries to columns, for one INSERT of many rows, and rows to values. The SQL is in inbox.py."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from app.adapters.postgres.database.stored import read_oddities, write_oddities
from app.domain.event import EventAction, PushEvent
from app.services.ingest.receive import Delivery, DeliveryView, EventAnswerView, EventView

Row = Mapping[str, Any]  # an asyncpg record


def sent_columns(deliveries: Sequence[Delivery]) -> tuple[list[Any], ...]:
    """The columns delivery_id, source, size, ignored, oddities (JSON text), body, headers (JSON text)."""
    return _columns(
        (
            delivery.delivery_id,
            delivery.source,
            delivery.size,
            delivery.parsed.ignored,
            orjson.dumps(write_oddities(delivery.parsed.oddities)).decode(),
            delivery.body,
            orjson.dumps(delivery.headers).decode(),
        )
        for delivery in deliveries
    )


def event_columns(deliveries: Sequence[Delivery]) -> tuple[list[Any], ...]:
    """The columns delivery_id, source, identity, action, host, path, tag, digest; no columns when there is no event.

    Sorted as the unique index: two processes that receive the same events wait for each other in the same order.
    """
    sent = [(delivery, event) for delivery in deliveries for event in delivery.parsed.events]
    sent.sort(key=lambda each: (each[0].source, each[1].event_id or ""))
    return _columns(
        (
            delivery.delivery_id,
            delivery.source,
            event.event_id,
            event.action.value,
            event.host,
            event.path,
            event.tag,
            event.digest,
        )
        for delivery, event in sent
    )


def replay_columns(events: Sequence[PushEvent]) -> tuple[list[Any], ...]:
    """The columns identity, action, host, path, tag, digest, sorted as the unique index."""
    return _columns(
        (event.event_id, event.action.value, event.host, event.path, event.tag, event.digest)
        for event in sorted(events, key=lambda each: each.event_id or "")
    )


def delivery_view(row: Row, event_rows: Iterable[Row]) -> DeliveryView:
    """The delivery of `row`; `event_rows` has one row for each event and watch, in the order of the events."""
    events: dict[int, PushEvent] = {}
    answers: dict[int, list[EventAnswerView]] = {}
    for each in event_rows:
        events[each["event_id"]] = _event(each)
        answers.setdefault(each["event_id"], []).extend(_answers(each))
    return DeliveryView(
        delivery_id=row["delivery_id"],
        source=row["source"],
        received_at=row["received_at"],
        size=row["size"],
        ignored=row["ignored"],
        duplicates=row["duplicates"],
        oddities=read_oddities(row["oddities"]),
        events=tuple(EventView(event=event, answers=tuple(answers[number])) for number, event in events.items()),
    )


def _event(row: Row) -> PushEvent:
    return PushEvent(
        action=EventAction(row["action"]),
        host=row["host"],
        path=row["path"],
        tag=row["tag"],
        digest=row["digest"],
        event_id=row["identity"],
    )


def _answers(row: Row) -> tuple[EventAnswerView, ...]:
    """The watch's answer in a row; none for an event that concerns no watch."""
    if row["watch_name"] is None:
        return ()
    return (
        EventAnswerView(
            watch=row["watch_name"],
            settled_at=row["settled_at"],
            answer=row["answer"],
            decision=row["decision"],
            rollout_id=row["rollout_id"],
        ),
    )


def _columns(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))
