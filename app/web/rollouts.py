"""GET /rollouts and /rollouts/{id}: how it goes and how it went, as JSON, and as a page for browsers."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from app.errors import Rejected
from app.services.queries import RolloutSummary, RolloutView
from app.web.pages import Pages
from app.web.respond import answer, prefers_html
from app.web.running import running

NEWEST = 100


async def list_rollouts(request: Request) -> Response:
    """200 {"rollouts"}: the newest hundred, newest first."""
    found = await running(request).services.queries.rollouts(limit=NEWEST)
    return answer({"rollouts": [summary(each) for each in found]})


async def show_rollout(request: Request) -> Response:
    """200 with all that is known of one rollout; 404 when there is no such."""
    rollout = await running(request).services.queries.rollout(_identifier(request.path_params["id"]))
    if rollout is None:
        raise _not_found()
    if not prefers_html(request):
        return answer(_whole(rollout))
    pages: Pages = request.app.state.pages
    return pages.fresh(request, "rollout.html", {"rollout": rollout})


def summary(rollout: RolloutSummary) -> dict[str, object]:
    """A rollout in a line; `outcome` is null while it has none."""
    return {
        "rollout_id": rollout.rollout_id,
        "state": rollout.state,
        "outcome": rollout.outcome,
        "reason": rollout.reason,
        "note": rollout.note,
        "origin": rollout.origin,
        "asked_by": rollout.asked_by,
        "what": rollout.what,
        "created_at": rollout.created_at,
        "ended_at": rollout.ended_at,
    }


def _whole(rollout: RolloutView) -> dict[str, object]:
    return {
        **summary(rollout.summary),
        "job": rollout.place,
        "watches": rollout.items,
        "changes": rollout.changes,
        "submitted_at": rollout.submitted_at,
        "evaluation_id": rollout.evaluation_id,
        "warnings": rollout.warnings,
    }


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _not_found() from None


def _not_found() -> Rejected:
    message = "no such rollout: the id is wrong, or it is older than the history kept; GET /rollouts lists the newest"
    return Rejected(message, status=404)
