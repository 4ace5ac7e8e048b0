"""The page at /: watches with what runs, what is wanted and why not; recent webhooks and rollouts; what is away."""

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from app.services.queries import WatchView
from app.web import labels
from app.web.health import own_troubles
from app.web.pages import Pages
from app.web.running import running

RECENT = 20
RECENT_EVENTS = 10


async def show_page(request: Request) -> Response:
    """200 with the page as the last looks left it; 304 when the browser has it already."""
    process = running(request)
    overview = await process.services.queries.overview(rollouts=RECENT, events=RECENT_EVENTS)
    values = {
        "overview": overview,
        "away": (*own_troubles(process), *overview.away),
        "counts": _counts(overview.watches),
    }
    pages: Pages = request.app.state.pages
    return pages.fresh(request, "overview.html", values)


def _counts(watches: tuple[WatchView, ...]) -> list[tuple[str, int]]:
    """How many watches are in which way, the most first."""
    found = Counter(_way(watch) for watch in watches)
    return found.most_common()


def _way(watch: WatchView) -> str:
    if watch.decision is None:
        return "not looked at yet"
    return labels.HOLDS[watch.decision.reason].lower() if watch.decision.reason else "deploying"
