"""/rollouts and /rollouts/{id}: progress and outcome, as JSON and as a page for browsers; and the rollout commands."""

from starlette.requests import Request
from starlette.responses import Response

from app.services.commands import rollouts
from app.services.views.queries import RolloutSummary, RolloutView
from app.web.api.reason import read_reason
from app.web.api.tags import reply_response
from app.web.http.responses import json_response, prefers_html
from app.web.pages.actions import rollout_id
from app.web.process import caller, operator, process_of
from app.web.render.pages import show

NEWEST = 100


async def list_rollouts(request: Request) -> Response:
    """200 {"rollouts"}: the newest hundred, newest first."""
    found = await process_of(request).services.queries.rollouts(limit=NEWEST)
    return json_response({"rollouts": [summary(each) for each in found]})


async def show_rollout(request: Request) -> Response:
    """200 with all details of one rollout; 404 for an unknown id."""
    rollout = await process_of(request).services.queries.rollout(rollout_id(request))
    if rollout is None:
        raise rollouts.unknown_rollout()
    if not prefers_html(request):
        return json_response(_whole(rollout))
    return await show(request, "rollout.html", {"rollout": rollout}, title=f"Rollout {rollout.summary.what}")


async def promote(request: Request) -> Response:
    """200 {"message", "rollout_id"}: its canaries are promoted; 409 when none waits for promotion, 404."""
    return reply_response(await rollouts.promote(operator(request), rollout_id(request), by=caller(request)))


async def fail(request: Request) -> Response:
    """200 {"message", "rollout_id"}: its Nomad deployment is failed; 409 when it has none, or it has ended, 404."""
    identifier, reason = rollout_id(request), await read_reason(request)
    return reply_response(await rollouts.fail(operator(request), identifier, by=caller(request), reason=reason))


async def rollback(request: Request) -> Response:
    """200 {"message", "rollout_id"}: the rollout that rolls back; 409 without a version to roll back to, 404, 503."""
    identifier, reason = rollout_id(request), await read_reason(request)
    return reply_response(await rollouts.rollback(operator(request), identifier, by=caller(request), reason=reason))


def summary(rollout: RolloutSummary) -> dict[str, object]:
    """A rollout in one line of JSON; `outcome` is null while it has none."""
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
        "rollback": rollout.summary.rollback,
    }
