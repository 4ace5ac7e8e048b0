"""/deliveries and /deliveries/{id}: the received deliveries, and the result of each event; as pages, and as JSON."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from app.domain.acceptance import Acceptance
from app.errors import Rejected
from app.services.ingest.receive import DeliveryView, EventAnswerView, EventView
from app.services.views.board import DeliveryListing, DeliverySummary
from app.web.http.filters import check_names, check_value, values_of
from app.web.http.responses import json_response, prefers_html
from app.web.pages.sources import setup_snippets, sources
from app.web.process import process_of
from app.web.render import labels
from app.web.render.pages import show
from app.web.render.paging import moment, url

SHOWN = 50
_FILTERS = ("source", "became", "before")

_UNKNOWN = "no such delivery: the id is wrong, or it is older than the kept history; GET /deliveries lists the newest"


async def list_deliveries(request: Request) -> Response:
    """200 {"deliveries", "missed"}, newest first: ?source= and ?became= filter, ?before= continues after a page.

    400 for an unknown source, result or filter.
    """
    query, services = request.query_params, process_of(request).services
    check_names(query, _FILTERS)
    became = next(iter(values_of(query, "became", Acceptance)), None)
    chosen = {"source": query.get("source", "").replace("\0", ""), "became": became.value if became else ""}
    ended = before(request)
    found = await services.board.deliveries(
        source=chosen["source"],
        acceptance=became,
        before=ended,
        limit=SHOWN,
    )
    names = sorted({*services.settings.webhook_sources, *(each.source for each in found.sources)})
    if chosen["source"]:
        check_value("source", chosen["source"], names)
    older_url = older(found, chosen)
    if not prefers_html(request):
        return json_response({"deliveries": found.deliveries, "missed": found.missed, "older": older_url or None})
    known = sources(services.settings.webhook_sources, found, await services.board.situation())
    values = {
        "sources": known,
        "names": names,
        "missed": found.missed,
        "setup": setup_snippets(services.settings, request),
        "acceptances": labels.ACCEPTANCES.items(),
        "chosen": chosen,
        "deliveries": found.deliveries,
        "newest": ended is None,
        "first": url("/deliveries", chosen),
        "older": older_url,
    }
    return await show(request, "deliveries.html", values, title="Deliveries")


async def show_delivery(request: Request) -> Response:
    """200 with the delivery, 404 for an unknown id, 503 while Postgres is away."""
    delivery = await find_delivery(request)
    if not prefers_html(request):
        return json_response(_rendered(delivery))
    return await show(request, "delivery.html", {"delivery": delivery}, title=f"Delivery from {delivery.source}")


async def find_delivery(request: Request) -> DeliveryView:
    """The delivery that the path names; Rejected (404) when it is unknown."""
    try:
        found = await process_of(request).services.inbox.read(UUID(request.path_params["id"]))
    except ValueError:
        found = None
    if found is None:
        raise Rejected(_UNKNOWN, status=404)
    return found


def before(request: Request) -> tuple[datetime, UUID] | None:
    """The end of the previous page, from ?before=; None for the first page, and for an invalid value."""
    at, _, delivery_id = request.query_params.get("before", "").partition(" ")
    found = moment(at)
    try:
        return (found, UUID(delivery_id)) if found is not None else None
    except ValueError:
        return None


def older(found: DeliveryListing, chosen: Mapping[str, str]) -> str:
    """The URL of the next older page, "" without one."""
    if len(found.deliveries) < SHOWN:
        return ""
    last: DeliverySummary = found.deliveries[-1]
    return url("/deliveries", {**chosen, "before": f"{last.received_at.isoformat()} {last.delivery_id}"})


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
