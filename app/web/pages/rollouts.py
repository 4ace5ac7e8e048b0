"""/rollouts and /rollouts/{id}: how it goes and how it went, as JSON, and as a page for browsers; and steering it."""

from starlette.requests import Request
from starlette.responses import Response

from app.services.commands import rollouts
from app.services.views.queries import RolloutSummary, RolloutView
from app.web.api.tags import told
from app.web.http.answers import answer, prefers_html
from app.web.pages.actions import rollout_id
from app.web.render.pages import show
from app.web.running import caller, operator, running

NEWEST = 100


async def list_rollouts(request: Request) -> Response:
    """200 {"rollouts"}: the newest hundred, newest first."""
    found = await running(request).services.queries.rollouts(limit=NEWEST)
    return answer({"rollouts": [summary(each) for each in found]})


async def show_rollout(request: Request) -> Response:
    """200 with all that is known of one rollout; 404 when there is no such."""
    rollout = await running(request).services.queries.rollout(rollout_id(request))
    if rollout is None:
        raise rollouts.unknown_rollout()
    if not prefers_html(request):
        return answer(_whole(rollout))
    return await show(request, "rollout.html", {"rollout": rollout}, title=f"Rollout {rollout.summary.what}")


async def promote(request: Request) -> Response:
    """200 {"message", "rollout_id"}: its canaries are promoted; 409 when they do not wait for it, 404."""
    return told(await rollouts.promote(operator(request), rollout_id(request), by=caller(request)))


async def fail(request: Request) -> Response:
    """200 {"message", "rollout_id"}: its Nomad deployment is failed; 409 when it has none (any more), 404."""
    return told(await rollouts.fail(operator(request), rollout_id(request), by=caller(request)))


async def rollback(request: Request) -> Response:
    """200 {"message", "rollout_id"}: the rollout that goes back; 409 when there is nothing to go back to, 404, 503."""
    return told(await rollouts.rollback(operator(request), rollout_id(request), by=caller(request)))


def summary(rollout: RolloutSummary) -> dict[str, object]:
    """A rollout in a line; `outcome` is null while it has none."""
    return {
        "rollout_id": rollout.rollout_id,
        "state": rollout.state,
        "outcome": rollout.outcome,
        "reason": rollout.reason,
        "note": rollout.note,
        "origin": rollout.origin,
        "requested_by": rollout.requested_by,
        "what": rollout.what,
        "created_at": rollout.created_at,
        "ended_at": rollout.ended_at,
        "deployment": rollout.deployment,
        "awaits_promotion": rollout.awaits_promotion,
        "undoes": rollout.undoes,
        "undone_by": rollout.undone_by,
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
        "diagnosis": rollout.diagnosis,
    }
