"""Decide for one watch from everything that was seen of it, and say what is to be remembered. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.domain.decision import Case, Decision, Hold, HoldReason, decide
from app.domain.history import History, changed_by_hand, identity, running, with_arrived
from app.domain.hold import is_newer
from app.domain.job import JobState, RunningTask
from app.domain.rule import highest_release
from app.services.see import answer
from app.services.seeing import Seeing, running_tag
from app.services.target import Claim, Sight, WatchResult, WatchState

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What holds for all watches of a look, as in `Case`."""

    busy: str = ""
    turn: str = ""
    heed_elsewhere: bool = False


def consider(
    claim: Claim, job: JobState | None, each: Seeing, circumstances: Circumstances
) -> tuple[WatchResult, Decision]:
    """What is decided for a watch that was seen, and what the look leaves on it."""
    state, seen = each.state, each.seen
    assert seen is not None  # the caller has set aside those that were not seen
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    first = state.job_create_index == 0 or (job is not None and state.job_create_index != job.create_index)
    history = each.history
    if first:
        found = highest_release(seen.tags or (), running_tag(state, tasks, history, fresh=False))
        history = replace(history, first_highest=found.tag if found else "")
    if state.adopt:
        history = replace(history, expected={str(task.key): identity(task) for task in tasks})
    history = with_arrived(tasks, history, state.in_flight)
    if claim.rollout is None:
        history = _without_past(tasks, history)
    hand_changed_at, hand_images = _hand_change(claim, state, job, tasks, history)
    history = replace(history, newer_than_hand_change=_newer(state, hand_changed_at, each.news))
    decision = decide(
        Case(
            watch=state.watch,
            rule=state.rule,
            auto_deploy=state.auto_deploy,
            paused=claim.paused,
            job=job,
            wanted=seen.wanted,
            history=history,
            busy=circumstances.busy,
            ask=each.ask,
            rolled_back=_newer_is_awaited(state, each.news),
            heed_elsewhere=circumstances.heed_elsewhere,
            turn=circumstances.turn,
        )
    )
    log.info(
        "decision.made", target=claim.target_id, watch=state.watch.name, words=decision.words, digest=decision.digest
    )
    wanted = seen.wanted
    return WatchResult(
        watch=state.watch.name,
        sight=Sight(tags=seen.tags, tag=wanted.tag if wanted else "", digest=wanted.digest if wanted else ""),
        decision=decision,
        running=tuple(_shown(task, history) for task in tasks),
        history=history,
        hand_changed_at=hand_changed_at,
        hand_images=hand_images,
        events=tuple(answer(event, seen, state, decision.words) for event in state.events),
        notify=not first or (isinstance(decision, Hold) and decision.reason is HoldReason.UNUSABLE),
    ), decision


def _hand_change(
    claim: Claim, state: WatchState, job: JobState | None, tasks: tuple[RunningTask, ...], history: History
) -> tuple[datetime | None, Mapping[str, str]]:
    """When the images were changed outside, and to what; the job's own submit time, since we may notice it late."""
    if job is None or not changed_by_hand(tasks, history.expected):
        return None, {}
    images = {str(task.key): identity(task) for task in tasks}
    if images == dict(state.hand_images) and state.hand_changed_at is not None:
        return state.hand_changed_at, images
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
    return news or is_newer(since, commanded_at=state.word_at, newest_sighting=state.newest_sighting)


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
