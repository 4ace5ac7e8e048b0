"""GET /deliveries/{id}: what was understood in a delivery, and what became of each event. Read-only."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.errors import StoreUnavailable
from app.services.receive import DeliveryView, EventAnswerView, EventView, Inbox

_UNKNOWN = "no such delivery: the id is wrong, or it is older than the history kept; GET / shows the newest"


class Services(Protocol):
    """What the handler needs of `app.state.running.services`."""

    @property
    def inbox(self) -> Inbox: ...


async def show(request: Request) -> Response:
    """200 with the delivery, 404 when no such one is remembered, 503 while Postgres is away."""
    services: Services = request.app.state.running.services
    try:
        view = await services.inbox.read(UUID(request.path_params["id"]))
    except ValueError:
        view = None
    except StoreUnavailable:
        return _answer(503, {"message": "Postgres cannot be read now: ask again later"}, {"Retry-After": "1"})
    if view is None:
        return _answer(404, {"message": _UNKNOWN})
    return _answer(200, _rendered(view))


def _rendered(view: DeliveryView) -> Mapping[str, object]:
    return {
        "delivery": view.delivery_id,
        "source": view.source,
        "received_at": view.received_at,
        "size": view.size,
        "ignored": view.ignored,
        "duplicates": view.duplicates,
        "oddities": view.oddities,
        "events": [_event(each) for each in view.events],
    }


def _event(view: EventView) -> Mapping[str, object]:
    event = view.event
    return {
        "event_id": event.event_id,
        "action": event.action.value,
        "host": event.host,
        "repository": event.path,
        "tag": event.tag,
        "digest": event.digest,
        "watches": [_answer_of(each) for each in view.answers],
    }


def _answer_of(view: EventAnswerView) -> Mapping[str, object]:
    return {
        "watch": view.watch,
        "state": "settled" if view.settled_at else "pending",
        "settled_at": view.settled_at,
        "answer": view.answer,
        "decision": view.decision,
        "rollout": view.rollout_id,
    }


def _answer(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
