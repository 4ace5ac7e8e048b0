"""Decide for one watch from its resolved tags and its job, and return what is to be stored. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.answers import Outlook
from app.domain.decision import Case, Decision, Hold, HoldReason
from app.domain.decision_table import decide, obstacle
from app.domain.drift import accepted, drifted, outside_changes, with_baseline
from app.domain.history import History, Image, identity, specified, specifies_desired, with_arrived
from app.domain.hold_expiry import is_newer
from app.domain.job import JobState, SpecifiedTask
from app.domain.rule import counts_with_v, highest_release
from app.domain.running import RunningImage, extent_of, running_images
from app.services.reconcile.claim import Claim, WatchState
from app.services.reconcile.resolve import ResolvedWatch, specified_tag
from app.services.reconcile.resolver import Resolved, answer
from app.services.reconcile.result import OutsideChange, ResolvedTag, WatchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The inputs that all watches of a reconcile share, as in `Case`."""

    busy: str = ""
    queue_reason: str = ""
    no_room: str = ""
    heed_elsewhere: bool = False


def decide_watch(
    claim: Claim, job: JobState | None, each: ResolvedWatch, circumstances: Circumstances
) -> tuple[WatchResult, Decision]:
    """The decision for a resolved watch, and the result that the reconcile stores for it."""
    state, resolved = each.state, each.resolved
    assert resolved is not None  # the caller skips watches with an outage
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    first = state.job_create_index == 0 or (job is not None and state.job_create_index != job.create_index)
    history = _history(claim, each, resolved, job, tasks, first=first)
    outside = _outside_change(claim, state, job, tasks, history, first=first)
    drifted_at, drift_images = _drift(claim, state, job, tasks, history)
    history = replace(history, newer_than_drift=_newer(state, drifted_at, each.new_digest))
    decision = decide(
        Case(
            watch=state.watch,
            rule=state.rule,
            auto_deploy=state.auto_deploy,
            paused=claim.paused,
            job=job,
            desired=resolved.desired,
            history=history,
            busy=circumstances.busy,
            requested=each.requested,
            rolled_back=_is_rolled_back(state, each.new_digest),
            heed_elsewhere=circumstances.heed_elsewhere,
            queue_reason=circumstances.queue_reason,
            no_room=circumstances.no_room,
            listed=resolved.listed,
            commands=replace(state.commands, pause=claim.pause),
        )
    )
    desired = resolved.desired
    if tasks and desired and claim.rollout is None and specifies_desired(tasks, desired, history):
        # Somebody else deployed what we want: a change away from it is drift.
        history, drifted_at, drift_images = accepted(tasks, history), None, {}
    running = running_images(state.watch, job, history) if job else ()
    outlook = Outlook(
        decision=decision,
        desired=Image(tag=desired.tag if desired else "", digest=desired.digest if desired else ""),
        pinned_tag=state.rule.pinned_tag,
        current_tag=specified_tag(state, tasks, history, fresh=False) or "",
        with_v=counts_with_v(
            resolved.tags if resolved.tags is not None else state.tags,
            specified_tag(state, tasks, history, fresh=False),
        ),
    )
    return WatchResult(
        watch=state.watch.name,
        resolved=ResolvedTag(
            tags=resolved.tags, tag=desired.tag if desired else "", digest=desired.digest if desired else ""
        ),
        decision=decision,
        specified=tuple(_specified_row(task, history) for task in tasks),
        running=running,
        allocation_count=extent_of(state.watch, job).count if job else 0,
        history=history,
        drifted_at=drifted_at,
        drift_images=drift_images,
        outside=outside,
        events=tuple(answer(event, resolved, state, outlook) for event in state.events),
        outlook=outlook,
        digests=_changed_digests(state, resolved),
        period_images=_period_images(state, running),
        notify=not first or (isinstance(decision, Hold) and decision.reason is HoldReason.UNUSABLE),
    ), decision


def _history(
    claim: Claim,
    each: ResolvedWatch,
    resolved: Resolved,
    job: JobState | None,
    tasks: tuple[SpecifiedTask, ...],
    *,
    first: bool,
) -> History:
    """The history with the baseline of a `first` reconcile, and with the images that the tasks specify now."""
    state, history = each.state, each.history
    if first:
        found = highest_release(resolved.tags or (), specified_tag(state, tasks, history, fresh=False))
        history = replace(history, baseline_release=found.tag if found else "", expected={})
    if state.rebaseline or _went_back(claim, job) or (_reverted(job) and state.drifted_at is None):
        history = accepted(tasks, replace(history, expected={}))
    if not obstacle(state.watch, job):
        history = with_baseline(tasks, history)
    history = with_arrived(tasks, history, state.in_flight)
    return _without_unnamed(tasks, history) if claim.rollout is None else history


def _reverted(job: JobState | None) -> bool:
    return job is not None and job.reverted


def _went_back(claim: Claim, job: JobState | None) -> bool:
    """Whether the job is older than when it was known last: Nomad was restored, and nobody changed the job."""
    return job is not None and job.index < claim.job_index


def _outside_change(
    claim: Claim,
    state: WatchState,
    job: JobState | None,
    tasks: tuple[SpecifiedTask, ...],
    history: History,
    *,
    first: bool,
) -> OutsideChange | None:
    """What somebody changed since the last check; None if nobody did. Nomad's auto-revert is nobody's change, and a
    restore from a snapshot neither."""
    if job is None or job.reverted or first or state.rebaseline or _went_back(claim, job):
        return None
    arrived = {key: image for key, image in history.expected.items() if state.history.expected.get(key, image) != image}
    changes = outside_changes(tasks, {**history.expected, **state.drift_images, **arrived})
    return OutsideChange(at=_submitted_at(claim, job), changes=changes) if changes else None


def _drift(
    claim: Claim, state: WatchState, job: JobState | None, tasks: tuple[SpecifiedTask, ...], history: History
) -> tuple[datetime | None, Mapping[str, str]]:
    """When the images drifted, and to which ones. The time is the job's submit time, since we may notice drift late."""
    if job is None or not drifted(tasks, history.expected):
        return None, {}
    images = {str(task.key): identity(task) for task in tasks}
    if state.drifted_at is not None and (job.reverted or images == dict(state.drift_images)):
        return state.drifted_at, images
    return _submitted_at(claim, job), images


def _submitted_at(claim: Claim, job: JobState) -> datetime:
    """When the job was registered."""
    submitted = datetime.fromtimestamp(job.submitted_at, claim.now.tzinfo) if job.submitted_at else claim.now
    # Nomad's clock may be wrong: the drift came after our last read of the job, and before now.
    return min(max(submitted, claim.job_read_at or submitted), claim.now)


def _without_unnamed(tasks: tuple[SpecifiedTask, ...], history: History) -> History:
    """Delete the digests of images that no task specifies now: a tag may have another digest when used again."""
    named = {identity(task) for task in tasks}
    return replace(history, digests={name: digest for name, digest in history.digests.items() if name in named})


def _changed_digests(state: WatchState, resolved: Resolved) -> Mapping[str, str]:
    """The digests that were read, without the one that is stored as the desired tag's."""
    known = (state.desired_tag, state.desired_digest)
    return {tag: digest for tag, digest in resolved.digests.items() if digest and (tag, digest) != known}


def _period_images(state: WatchState, running: Iterable[RunningImage]) -> frozenset[Image] | None:
    """The images that allocations run, None if they are those of the last pass.

    The digest of a bare tag is known while the job specifies it; after that, the last pass knows it.
    """
    known = {each.tag: each.digest for each in state.period_images}
    found = frozenset(
        Image(tag=each.tag, digest=each.digest or known.get(each.tag, ""))
        for each in running
        if each.running and (each.tag or each.digest)
    )
    return None if found == state.period_images else found


def _newer(state: WatchState, since: datetime | None, new_digest: bool) -> bool:
    """Whether a digest was found for the first time, or a command came, after `since`."""
    if since is None:
        return False
    return new_digest or is_newer(since, commanded_at=state.commanded_at, newest_found_at=state.newest_found_at)


def _is_rolled_back(state: WatchState, new_digest: bool) -> bool:
    return state.rolled_back_at is not None and not _newer(state, state.rolled_back_at, new_digest)


def _specified_row(task: SpecifiedTask, history: History) -> Mapping[str, str]:
    found = specified(task, history)
    return {
        "task": str(task.key),
        "image": task.image,
        "identity": identity(task),
        "tag": found.tag,
        "digest": found.digest,
    }
