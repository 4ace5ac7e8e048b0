"""GET /repos/{repo}/why: what became of the tags of a watch, or of the one tag that ?tag= names, as a page."""

from starlette.requests import Request
from starlette.responses import Response

from app.errors import Rejected
from app.services.commands import watches
from app.services.views.why import LIMIT, explain
from app.web.api.tags import repository_name
from app.web.api.why import SUFFIX, asked_tag, explained
from app.web.http.responses import json_response, prefers_html
from app.web.pages.repository import show_repo
from app.web.process import process_of
from app.web.render.pages import show


async def show_why(request: Request) -> Response:
    """200 with one outcome for each tag; 404 when the watch is not configured."""
    name, tag = repository_name(request), asked_tag(request)
    found = await explain(process_of(request).services.why, name, tag)
    if found is None:
        if await process_of(request).services.queries.watch(f"{name}{SUFFIX}") is not None:
            request.path_params["repo"] = f"{name}{SUFFIX}"
            return await show_repo(request)
        raise Rejected(str(watches.unknown_watch(name)), status=404)
    if not prefers_html(request):
        return json_response(explained(found))
    values = {"watch": found.watch, "asked": tag or "", "found": found, "limit_of_tags": LIMIT}
    return await show(request, "why.html", values, title=f"Why: {name}")
