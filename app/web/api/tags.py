"""/tags/{repo}: the resolved tag, setting the rule, and resetting it. The predecessor's routes and shapes.

With ?plan=true nothing is stored: the answer is what would change.
"""

from starlette.requests import Request
from starlette.responses import Response

from app.errors import Rejected
from app.services.commands import preview, watches
from app.services.commands.preview import CommandPreview
from app.web.api.rule_change import read_rule_change
from app.web.http.answers import answer
from app.web.running import caller, operator, running


async def show_tag(request: Request) -> Response:
    """200 {"repo_tag"}: what is pinned, or the highest release; 400 when there is none."""
    repo = repository_name(request)
    watch = await running(request).services.queries.watch(repo)
    if watch is None:
        raise watches.unknown_watch(repo)
    tag = watch.desired
    if not tag and watch.tags_read_at is None:
        tag = await watches.desired_live(operator(request), repo)
    if not tag:
        raise Rejected(f"No valid tags for repo {repo}: push a release (X.Y.Z, with or without v), or pin a tag")
    return answer({"repo_tag": tag})


async def set_tag(request: Request) -> Response:
    """200 {"message", "rollout_id"?}; 400 for what cannot be, 503 when it cannot be checked or stored now."""
    plans = _only_plans(request)
    canary_command = await read_rule_change(request)
    if plans:
        seen = await preview.preview_rule(
            operator(request),
            repository_name(request),
            pinned_tag=canary_command.pinned_tag,
            auto_deploy=canary_command.auto_deploy,
        )
        return _foreseen(seen)
    reply = await watches.set_rule(
        operator(request),
        repository_name(request),
        by=caller(request),
        pinned_tag=canary_command.pinned_tag,
        auto_deploy=canary_command.auto_deploy,
    )
    return told(reply)


async def reset_tag(request: Request) -> Response:
    """200 {"message", "rollout_id"?}: releases are followed, and auto deploy is on."""
    if _only_plans(request):
        return _foreseen(await preview.preview_reset(operator(request), repository_name(request)))
    return told(await watches.reset(operator(request), repository_name(request), by=caller(request)))


def repository_name(request: Request) -> str:
    """The watch that the path names; a final slash is nobody's name, and Rejected (400) a NUL, that no store takes."""
    name: str = request.path_params["repo"]
    if "\0" in name:
        raise watches.unknown_watch(name)
    return name.rstrip("/")


def told(reply: watches.Reply) -> Response:
    """A reply as JSON; the rollout's id only where there is one."""
    content: dict[str, object] = {"message": reply.message}
    if reply.rollout_id is not None:
        content["rollout_id"] = reply.rollout_id
    return answer(content)


def _only_plans(request: Request) -> bool:
    """Whether the query says plan=true; a misread wish would deploy, so anything but true and false is refused."""
    given = request.query_params.getlist("plan")
    if given not in ([], ["true"], ["false"]):
        raise Rejected(f"Error: plan is {', '.join(given)[:80]!r}: send plan=true or plan=false, once")
    return given == ["true"]


def _foreseen(seen: CommandPreview) -> Response:
    preview = seen.preview
    return answer(
        {
            "message": seen.message,
            "changes": {task: {"from": each.before, "to": each.after} for task, each in seen.changes.items()},
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
