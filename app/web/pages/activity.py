"""GET /activity: the timeline of all watches, by repository, kind and person; as a page, and as JSON for others."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from app.domain.timeline import EntryKind
from app.services.views.board import TimelineEntry, TimelineQuery
from app.web.http.filters import check_names, values_of
from app.web.http.responses import json_response, prefers_html
from app.web.process import process_of
from app.web.render import labels
from app.web.render.pages import show
from app.web.render.paging import moment, url

ENTRIES = 50
_FILTERS = ("repo", "kind", "by", "before")


async def show_activity(request: Request) -> Response:
    """200 {"entries"}, newest first: ?repo=, ?kind=, ?by= filter, ?before= continues after a page.

    400 for an unknown kind or filter.
    """
    query = request.query_params
    check_names(query, _FILTERS)
    kinds = frozenset(values_of(query, "kind", EntryKind))
    chosen = TimelineQuery(
        watch=query.get("repo", "").strip(), kinds=kinds, by=query.get("by", ""), before=before(request)
    )
    board = process_of(request).services.board
    entries = await board.entries(chosen, limit=ENTRIES)
    filters = {"repo": chosen.watch, "kind": sorted(kinds), "by": chosen.by}
    older_url = older(entries, ENTRIES, "/activity", filters)
    if not prefers_html(request):
        return json_response({"entries": entries, "older": older_url or None})
    values = {
        "chosen": chosen,
        "kinds": labels.ENTRIES.items(),
        "people": await board.people(),
        "entries": entries,
        "newest": chosen.before is None,
        "filtered": any(filters.values()),
        "first": url("/activity", filters),
        "older": older_url,
    }
    return await show(request, "activity.html", values, title="Activity")


def before(request: Request) -> tuple[datetime, str] | None:
    """The end of the previous page, from ?before=; None for the first page, and for an invalid value."""
    at, _, key = request.query_params.get("before", "").partition(" ")
    found = moment(at)
    return (found, key) if found is not None and key and "\0" not in key else None


def older(entries: Sequence[TimelineEntry], limit: int, page: str, filters: Mapping[str, object]) -> str:
    """The URL of the next older page, "" without one."""
    if len(entries) < limit:
        return ""
    last = entries[-1]
    return url(page, {**filters, "before": f"{last.at.isoformat()} {last.key}"})
