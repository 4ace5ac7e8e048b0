"""GET /activity: everything that happened, by repository, kind and person; as a page, and as JSON for others."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from app.domain.timeline import EntryKind
from app.services.views.board import TimelineEntry, TimelineQuery
from app.web.http.answers import answer, prefers_html
from app.web.render import labels
from app.web.render.pages import show
from app.web.render.paging import moment, url
from app.web.running import running

ENTRIES = 50


async def show_activity(request: Request) -> Response:
    """200 {"entries"}, newest first: ?repo=, ?kind=, ?by= filter, ?before= goes on where a page ended."""
    query = request.query_params
    kinds = frozenset(EntryKind(kind) for kind in query.getlist("kind") if kind in set(EntryKind))
    chosen = TimelineQuery(
        watch=query.get("repo", "").strip(), kinds=kinds, by=query.get("by", ""), before=before(request)
    )
    board = running(request).services.board
    entries = await board.entries(chosen, limit=ENTRIES)
    filters = {"repo": chosen.watch, "kind": sorted(kinds), "by": chosen.by}
    further = older(entries, ENTRIES, "/activity", filters)
    if not prefers_html(request):
        return answer({"entries": entries, "older": further or None})
    values = {
        "chosen": chosen,
        "kinds": labels.ENTRIES.items(),
        "people": await board.people(),
        "entries": entries,
        "newest": chosen.before is None,
        "first": url("/activity", filters),
        "older": further,
    }
    return await show(request, "activity.html", values, title="Activity")


def before(request: Request) -> tuple[datetime, str] | None:
    """Where ?before= says that the page ended; None for the newest, and for what makes no sense."""
    at, _, key = request.query_params.get("before", "").partition(" ")
    found = moment(at)
    return (found, key) if found is not None and key and "\0" not in key else None


def older(entries: Sequence[TimelineEntry], limit: int, page: str, filters: Mapping[str, object]) -> str:
    """The URL of what came before, "" when that was all."""
    if len(entries) < limit:
        return ""
    last = entries[-1]
    return url(page, {**filters, "before": f"{last.at.isoformat()} {last.key}"})
