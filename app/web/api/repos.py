"""GET /repos: every watch by name, in the predecessor's shape with more keys; checking one, and releasing a hold."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain.rule import listed
from app.services.commands import watches
from app.services.views.board import condition
from app.services.views.queries import Outage, WatchView
from app.web.api.reason import read_reason
from app.web.api.tags import reply_response, repository_name
from app.web.http.responses import json_response
from app.web.pages.rollouts import summary
from app.web.process import caller, operator, process_of


async def list_repos(request: Request) -> Response:
    """200 with a map from name to rule, desired tag, tags, running images, last decision and last rollout."""
    watches = await process_of(request).services.queries.watches()
    return json_response({watch.name: repository(watch) for watch in watches})


async def check_repo(request: Request) -> Response:
    """200 {"message"}: the watch's job is reconciled now."""
    return reply_response(await watches.check(operator(request), repository_name(request), by=caller(request)))


async def release_hold(request: Request) -> Response:
    """200 {"message"}: the watch's holds are released; 409 when no hold waits for a person."""
    repo, reason = repository_name(request), await read_reason(request)
    return reply_response(await watches.release_hold(operator(request), repo, by=caller(request), reason=reason))


def repository(watch: WatchView) -> dict[str, object]:
    """A watch as JSON."""
    return {
        "auto_deploy": watch.auto_deploy,
        "pinned_tag": watch.pinned_tag,
        "pinned_tag_value": watch.desired,
        "tags": [tag for tag in watch.tags if listed(tag)],
        "tags_read_at": watch.tags_read_at,
        "desired_digest": watch.desired_digest,
        "specified": watch.specified,
        "condition": condition(watch),
        "running": watch.running,
        "allocation_count": watch.allocation_count,
        "decision": _decision(watch),
        "rollout": summary(watch.rollout) if watch.rollout else None,
        "repository": watch.repository,
        "registry": watch.registry,
        "job": watch.place,
        "task": watch.task,
        "observe_only": watch.observe_only,
        "registry_outage": _outage(watch.registry_outage),
        "job_outage": _outage(watch.job_outage),
        "job_read_at": watch.job_read_at,
        "follows_job": watch.follows_job,
        "failed": watch.failed,
        "rolled_back_at": watch.rolled_back_at,
        "source_stale": watch.source_stale,
        "missing_image": _outage(watch.missing_image),
        "promote_after": watch.promote_after,
        "revert_on_failure": watch.revert_on_failure,
    }


def _decision(watch: WatchView) -> dict[str, object] | None:
    decision = watch.decision
    if decision is None:
        return None
    return {
        "kind": "hold" if decision.reason else "deploy",
        "reason": decision.reason,
        "message": decision.message,
        "tag": decision.tag,
        "digest": decision.digest,
        "reconciles": decision.reconciles,
        "since": decision.first_at,
        "last_at": decision.last_at,
        "rollout_id": decision.rollout_id,
    }


def _outage(outage: Outage | None) -> dict[str, object] | None:
    return {"problem": outage.problem, "since": outage.since} if outage else None
