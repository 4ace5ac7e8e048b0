"""GET /repos: every watch by name, in the predecessor's shape, with more beside it; looking now, and letting go."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain.rule import listed
from app.services import operate
from app.services.queries import Trouble, WatchView
from app.web.respond import answer
from app.web.rollouts import summary
from app.web.running import caller, operator, running
from app.web.tags import repository_name, told


async def list_repos(request: Request) -> Response:
    """200 with a map of name to rule, wanted tag, tags, what runs, the last decision and the last rollout."""
    watches = await running(request).services.queries.watches()
    return answer({watch.name: repository(watch) for watch in watches})


async def check_repo(request: Request) -> Response:
    """200 {"message"}: the watch's job is looked at now."""
    return told(await operate.check(operator(request), repository_name(request), by=caller(request)))


async def release_hold(request: Request) -> Response:
    """200 {"message"}: what holds the watch back is let go; 409 where nothing is held until somebody says so."""
    return told(await operate.release_hold(operator(request), repository_name(request), by=caller(request)))


def repository(watch: WatchView) -> dict[str, object]:
    """A watch as /repos tells it."""
    return {
        "auto_deploy": watch.auto_deploy,
        "pinned_tag": watch.pinned_tag,
        "pinned_tag_value": watch.wanted,
        "tags": [tag for tag in watch.tags if listed(tag)],
        "tags_read_at": watch.tags_read_at,
        "wanted_digest": watch.wanted_digest,
        "running": watch.running,
        "decision": _decision(watch),
        "rollout": summary(watch.rollout) if watch.rollout else None,
        "repository": watch.repository,
        "registry": watch.registry,
        "job": watch.place,
        "task": watch.task,
        "observe_only": watch.observe_only,
        "registry_trouble": _trouble(watch.registry_trouble),
        "job_trouble": _trouble(watch.job_trouble),
        "failed": watch.failed,
        "rolled_back_at": watch.rolled_back_at,
        "source_stale": watch.source_stale,
        "unserved": _trouble(watch.unserved),
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
        "words": decision.words,
        "tag": decision.tag,
        "digest": decision.digest,
        "looks": decision.looks,
        "since": decision.first_at,
        "last_at": decision.last_at,
        "rollout_id": decision.rollout_id,
    }


def _trouble(trouble: Trouble | None) -> dict[str, object] | None:
    return {"problem": trouble.problem, "since": trouble.since} if trouble else None
