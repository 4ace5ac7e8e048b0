"""/tags/{repo}: the resolved tag, setting the rule, and resetting it. The predecessor's routes and shapes."""

from starlette.requests import Request
from starlette.responses import Response

from app.errors import Rejected
from app.services import operate
from app.web.respond import answer
from app.web.running import caller, operator, running
from app.web.wishes import read_wish


async def show_tag(request: Request) -> Response:
    """200 {"repo_tag"}: what is pinned, or the highest release; 400 when there is none."""
    repo = repository_name(request)
    watch = await running(request).services.queries.watch(repo)
    if watch is None:
        raise operate.unknown(repo)
    tag = watch.wanted
    if not tag and watch.tags_read_at is None:
        tag = await operate.wanted_live(operator(request), repo)
    if not tag:
        raise Rejected(f"No valid tags for repo {repo}: push a release (X.Y.Z, with or without v), or pin a tag")
    return answer({"repo_tag": tag})


async def set_tag(request: Request) -> Response:
    """200 {"message", "rollout_id"?}; 400 for what cannot be, 503 when it cannot be checked or stored now."""
    wish = await read_wish(request)
    reply = await operate.set_rule(
        operator(request),
        repository_name(request),
        by=caller(request),
        pinned_tag=wish.pinned_tag,
        auto_deploy=wish.auto_deploy,
    )
    return told(reply)


async def reset_tag(request: Request) -> Response:
    """200 {"message", "rollout_id"?}: releases are followed, and auto deploy is on."""
    return told(await operate.reset(operator(request), repository_name(request), by=caller(request)))


def repository_name(request: Request) -> str:
    """The watch that the path names; a final slash is nobody's name."""
    name: str = request.path_params["repo"]
    return name.rstrip("/")


def told(reply: operate.Reply) -> Response:
    """A reply as JSON; the rollout's id only where there is one."""
    content: dict[str, object] = {"message": reply.message}
    if reply.rollout_id is not None:
        content["rollout_id"] = reply.rollout_id
    return answer(content)
