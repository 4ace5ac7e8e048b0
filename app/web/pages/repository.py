"""GET /repos/{repo}: one watch with its timeline, as a page for browsers and as JSON for others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from app.domain.decision import HoldReason
from app.domain.rollout import OutcomeKind
from app.services.views.board import TimelineQuery
from app.services.views.queries import RolloutSummary, RolloutView, WatchView
from app.web.api.repos import repository
from app.web.http.responses import json_response, prefers_html
from app.web.pages.actions import watch_of
from app.web.pages.activity import before, older
from app.web.process import process_of
from app.web.render.pages import show
from app.web.render.wording import path, specified_tag

ENTRIES = 30
ROLLOUTS = 10

_EXPLAINED = frozenset({OutcomeKind.FAILED, OutcomeKind.STALLED, OutcomeKind.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem of a watch that its last decision does not mention."""

    title: str
    message: str
    since: datetime | None = None
    tone: str = "bad"


async def show_repo(request: Request) -> Response:
    """200 with one watch; 404 when it is not configured."""
    watch = await watch_of(request)
    if not prefers_html(request):
        return json_response({watch.name: repository(watch)})
    board = process_of(request).services.board
    entries = await board.entries(TimelineQuery(watch=watch.name, before=before(request)), limit=ENTRIES)
    rollouts = await board.rollouts_of(watch.name, limit=ROLLOUTS)
    values = {
        "watch": watch,
        "specified_tag": specified_tag(watch),
        "underway": watch.rollout if watch.rollout and watch.rollout.outcome is None else None,
        "problems": _problems(watch),
        "releasable": _releasable(watch),
        "failure": await _failure(request, rollouts),
        "rollouts": rollouts,
        "entries": entries,
        "older": older(entries, ENTRIES, f"/repos/{path(watch.name)}", {}),
    }
    return await show(request, "repository.html", values, title=watch.name)


async def _failure(request: Request, rollouts: Sequence[RolloutSummary]) -> RolloutView | None:
    """The last rollout if it failed; undo rollouts are skipped."""
    ended = next((each for each in rollouts if each.outcome is not None and each.undoes is None), None)
    if ended is None or ended.outcome not in _EXPLAINED:
        return None
    return await process_of(request).services.queries.rollout(ended.rollout_id)


def _releasable(watch: WatchView) -> bool:
    drifted = watch.decision is not None and watch.decision.reason is HoldReason.DRIFTED
    return bool(watch.failed) or watch.rolled_back_at is not None or drifted


def _problems(watch: WatchView) -> list[Problem]:
    named = (
        (f"The registry {watch.registry} cannot be read", watch.registry_outage),
        ("The job cannot be read or changed", watch.job_outage),
        ("The running image is missing in the registry", watch.missing_image),
    )
    found = [Problem(title=title, message=each.problem, since=each.since) for title, each in named if each is not None]
    if watch.source_stale:
        found.append(Problem(title="The job’s source is outdated", message=watch.source_stale, tone="waiting"))
    return found
