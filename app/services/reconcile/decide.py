"""Decide for one watch from everything that was seen of it, and say what is to be remembered. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.domain.decision import Case, Decision, Hold, HoldReason, decide
from app.domain.history import History, drifted, identity, running, with_arrived
from app.domain.hold import is_newer
from app.domain.job import JobState, RunningTask
from app.domain.rule import highest_release
from app.services.reconcile.resolve import ResolvedWatch, running_tag
from app.services.reconcile.resolver import answer
from app.services.reconcile.targets import Claim, ResolvedTag, WatchResult, WatchState

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What holds for all watches of a look, as in `Case`."""

    busy: str = ""
    turn: str = ""
    heed_elsewhere: bool = False


def decide_watch(
    claim: Claim, job: JobState | None, each: ResolvedWatch, circumstances: Circumstances
) -> tuple[WatchResult, Decision]:
    """What is decided for a watch that was seen, and what the look leaves on it."""
    state, seen = each.state, each.seen
    assert seen is not None  # the caller has set aside those that were not seen
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    first = state.job_create_index == 0 or (job is not None and state.job_create_index != job.create_index)
    history = each.history
    if first:
        found = highest_release(seen.tags or (), running_tag(state, tasks, history, fresh=False))
        history = replace(history, baseline_release=found.tag if found else "")
    if state.rebaseline:
        history = replace(history, expected={str(task.key): identity(task) for task in tasks})
    history = with_arrived(tasks, history, state.in_flight)
    if claim.rollout is None:
        history = _without_past(tasks, history)
    drifted_at, drift_images = _drift(claim, state, job, tasks, history)
    history = replace(history, newer_than_drift=_newer(state, drifted_at, each.news))
    decision = decide(
        Case(
            watch=state.watch,
            rule=state.rule,
            auto_deploy=state.auto_deploy,
            paused=claim.paused,
            job=job,
            desired=seen.desired,
            history=history,
            busy=circumstances.busy,
            ask=each.ask,
            rolled_back=_newer_is_awaited(state, each.news),
            heed_elsewhere=circumstances.heed_elsewhere,
            turn=circumstances.turn,
        )
    )
    log.info(
        "decision.made",
        target=claim.target_id,
        watch=state.watch.name,
        message=decision.message,
        digest=decision.digest,
    )
    desired = seen.desired
    return WatchResult(
        watch=state.watch.name,
        sight=ResolvedTag(tags=seen.tags, tag=desired.tag if desired else "", digest=desired.digest if desired else ""),
        decision=decision,
        running=tuple(_shown(task, history) for task in tasks),
        history=history,
        drifted_at=drifted_at,
        drift_images=drift_images,
        events=tuple(answer(event, seen, state, decision.message) for event in state.events),
        notify=not first or (isinstance(decision, Hold) and decision.reason is HoldReason.UNUSABLE),
    ), decision


def _drift(
    claim: Claim, state: WatchState, job: JobState | None, tasks: tuple[RunningTask, ...], history: History
) -> tuple[datetime | None, Mapping[str, str]]:
    """When the images were changed outside, and to what; the job's own submit time, since we may notice it late."""
    if job is None or not drifted(tasks, history.expected):
        return None, {}
    images = {str(task.key): identity(task) for task in tasks}
    if images == dict(state.drift_images) and state.drifted_at is not None:
        return state.drifted_at, images
    submitted = datetime.fromtimestamp(job.submitted_at, claim.now.tzinfo) if job.submitted_at else claim.now
    # Nomad's clock may be off: it was after we read the job last, and before now.
    return min(max(submitted, claim.job_read_at or submitted), claim.now), images


def _without_past(tasks: tuple[RunningTask, ...], history: History) -> History:
    """Forget the digests of images that no task names any more: the tag may be another when it comes back."""
    named = {identity(task) for task in tasks}
    return replace(history, digests={name: digest for name, digest in history.digests.items() if name in named})


def _newer(state: WatchState, since: datetime | None, news: bool) -> bool:
    """Whether a digest never seen before, or a person's word, came after `since`."""
    if since is None:
        return False
    return news or is_newer(since, commanded_at=state.commanded_at, newest_found_at=state.newest_found_at)


def _newer_is_awaited(state: WatchState, news: bool) -> bool:
    return state.rolled_back_at is not None and not _newer(state, state.rolled_back_at, news)


def _shown(task: RunningTask, history: History) -> Mapping[str, str]:
    found = running(task, history)
    return {
        "task": str(task.key),
        "image": task.image,
        "identity": identity(task),
        "tag": found.tag,
        "digest": found.digest,
    }
