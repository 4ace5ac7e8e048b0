"""/tags/{repo}: show the resolved tag, set the rule, reset it. The predecessor's routes and shapes.

With ?plan=true nothing is stored: the response is a preview.
"""

from starlette.requests import Request
from starlette.responses import Response

from app.domain.decision import HoldReason
from app.errors import Rejected
from app.services.commands import preview, watches
from app.services.commands.preview import CommandPreview
from app.services.views.queries import WatchView
from app.web.api.rule_change import read_rule_change
from app.web.http.responses import json_response
from app.web.process import caller, operator, process_of


async def show_tag(request: Request) -> Response:
    """200 {"repo_tag"}: the pinned tag, or the highest release; 400 without one."""
    repo = repository_name(request)
    watch = await process_of(request).services.queries.watch(repo)
    if watch is None:
        raise watches.unknown_watch(repo)
    if watch.desired:
        return json_response({"repo_tag": watch.desired})
    problem = _without_tag(watch)
    if watch.tags_read_at is None:
        found = await watches.desired_live(operator(request), repo)
        if isinstance(found, str):
            return json_response({"repo_tag": found})
        problem = found.problem
    raise Rejected(f"No valid tags for repo {repo}: {problem}")


def _without_tag(watch: WatchView) -> str:
    """Why the rule desires no tag, by the last check."""
    decision = watch.decision
    if decision is not None and decision.reason is HoldReason.NO_MATCHING_TAG:
        return decision.message
    return "push a release (X.Y.Z, with or without v), or pin a tag"


async def set_tag(request: Request) -> Response:
    """200 {"message", "rollout_id"?}; 400 for an invalid change, 503 when it cannot be checked or stored now."""
    only_preview = _only_preview(request)
    change = await read_rule_change(request)
    if only_preview:
        found = await preview.preview_rule(
            operator(request),
            repository_name(request),
            pinned_tag=change.pinned_tag,
            auto_deploy=change.auto_deploy,
        )
        return _preview_response(found)
    reply = await watches.set_rule(
        operator(request),
        repository_name(request),
        by=caller(request),
        reason=change.reason,
        pinned_tag=change.pinned_tag,
        auto_deploy=change.auto_deploy,
    )
    return reply_response(reply)


async def reset_tag(request: Request) -> Response:
    """200 {"message", "rollout_id"?}: the watch follows releases, and auto deploy is on."""
    if _only_preview(request):
        return _preview_response(await preview.preview_reset(operator(request), repository_name(request)))
    return reply_response(await watches.reset(operator(request), repository_name(request), by=caller(request)))


def repository_name(request: Request) -> str:
    """The watch that the path names, without a final slash; Rejected (400) for a NUL, which Postgres cannot store."""
    name: str = request.path_params["repo"]
    if "\0" in name:
        raise watches.unknown_watch(name)
    return name.rstrip("/")


def reply_response(reply: watches.Reply) -> Response:
    """A reply as JSON; with the rollout's id where there is one."""
    content: dict[str, object] = {"message": reply.message}
    if reply.rollout_id is not None:
        content["rollout_id"] = reply.rollout_id
    return json_response(content)


def _only_preview(request: Request) -> bool:
    """Whether the query has plan=true. Only true and false are accepted, since a misread value would deploy."""
    given = request.query_params.getlist("plan")
    if given not in ([], ["true"], ["false"]):
        raise Rejected(f"Error: plan is {', '.join(given)[:80]!r}: send plan=true or plan=false, once")
    return given == ["true"]


def _preview_response(found: CommandPreview) -> Response:
    preview = found.preview
    return json_response(
        {
            "message": found.message,
            "changes": {task: {"from": each.before, "to": each.after} for task, each in found.changes.items()},
            "plan": {
                "allowed": preview.allowed,
                "lines": preview.lines,
                "updates": dict(preview.updates),
                "unplaced": preview.unplaced,
                "warnings": preview.warnings,
                "drift": preview.foreign,
            },
        }
    )
