"""Decides for one watch: Deploy, or Hold with its reason. The first match wins. Pure; docs/decisions.md has the table.

It must not read a clock, a registry or a job: one `Case` has all of its inputs.
"""

from collections.abc import Callable

from app.domain.decision import Case, Decision, Deploy, Hold, HoldReason, RequestedDeploy
from app.domain.drift import described, drifted, outside_changes
from app.domain.history import Desired, highest_specified, specified, specifies_desired
from app.domain.job import JobState, Placement, SpecifiedTask
from app.domain.left_out import newer_left_out, no_release
from app.domain.rule import release
from app.domain.running import Extent, extent_of
from app.domain.watch import Watch


def decide(case: Case) -> Decision:
    """The first matching row of docs/decisions.md: a `Hold` with its reason and message, or a `Deploy`."""
    unusable = obstacle(case.watch, case.job)
    if unusable or case.job is None:
        return Hold(reason=HoldReason.UNUSABLE, message=unusable)
    tasks = case.job.selected(case.watch.task, case.watch.group)
    if case.requested is not None and case.requested.desired is not None:
        return _requested(case, tasks, case.requested, case.requested.desired)
    if case.desired is None:
        return Hold(reason=HoldReason.NO_MATCHING_TAG, message=_no_tag(case, tasks))
    for check in _CHECKS:
        hold = check(case, tasks, case.desired)
        if hold is not None:
            return hold
    return _deploy(case, tasks, case.desired)


def _requested(case: Case, tasks: tuple[SpecifiedTask, ...], requested: RequestedDeploy, desired: Desired) -> Decision:
    if requested.unless_changed and drifted(tasks, case.history.expected):
        message = (
            f"drift: somebody changed the image in the job, so the undo to {desired.tag or desired.digest} is skipped; "
            "deploy it manually if you want it"
        )
        return _hold(HoldReason.DRIFTED, message, desired)
    if not requested.forced and (hold := _specified(case, tasks, desired)) is not None:
        return hold
    return Deploy(
        tag=desired.tag,
        digest=desired.digest,
        message=requested.message or f"a person asked for {desired.tag}",
        children=desired.children,
        by_digest=requested.reverts,
        former=requested.former,
    )


def _specifies(case: Case, tasks: tuple[SpecifiedTask, ...], desired: Desired) -> bool:
    """Whether the job specifies the desired image. One that failed here, or that Nomad gave up before all of it was
    placed, does not count: Nomad places no more of it."""
    given_up = desired.digest in case.history.failed | case.history.released or (
        desired.digest == case.history.not_placed
        and case.job is not None
        and not extent_of(case.watch, case.job).is_complete
    )
    return not given_up and specifies_desired(tasks, desired, case.history)


def obstacle(watch: Watch, job: JobState | None) -> str:
    """Why the job must not be changed for this watch, with the fix; "" if it may be changed."""
    if job is None:
        return f"job {watch.place} is not in Nomad; register it once, or correct nomad_job_name"
    if job.unusable is not None:
        return job.unusable
    tasks = job.selected(watch.task, watch.group)
    if not tasks:
        where = f"group {watch.group!r} of job {watch.place}" if watch.group else f"job {watch.place}"
        return f"{where} has no task {watch.task!r}; correct nomad_task_name or nomad_group_name"
    for task in tasks:
        if task.reference is None:
            return f"task {task.key}: {task.problem or 'its image cannot be followed'}"
        if task.reference.repository != watch.repository:
            return (
                f"task {task.key} runs {task.reference.repository}, but the watch is for {watch.repository}; "
                "correct the configuration or the job"
            )
    return ""


def _busy(case: Case, _tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    return _hold(HoldReason.BUSY, case.busy, desired) if case.busy else None


def _failed_before(case: Case, _tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    if desired.digest not in case.history.failed:
        return None
    cause = case.history.failure_causes.get(desired.digest, "")
    message = (
        f"{f'{cause}: ' if cause else ''}{desired.tag} failed on this job before, with this digest; "
        "push a newer image, release the hold, or deploy it manually"
    )
    return _hold(HoldReason.FAILED_BEFORE, message, desired)


def _specified(case: Case, tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    """Up to date if the job specifies the desired image and the allocations that should run do; else stalled."""
    if case.job is None or not _specifies(case, tasks, desired):
        return None
    extent, placement = extent_of(case.watch, case.job), case.job.placement
    if not extent.is_complete:
        cause = placement.problem or "Nomad gives no reason"
        message = (
            f"{extent.running} of {extent.count} allocations run {desired.tag}: {cause}; the job specifies it, so it "
            "is up to date as soon as they run; mend the cause in Nomad, or deploy another tag"
        )
        return _hold(HoldReason.STALLED, message, desired)
    left_out = newer_left_out(case.listed, desired.tag) if case.rule.follows_releases else _pinned(case)
    return _hold(HoldReason.UP_TO_DATE, f"{desired.tag} {_state(placement, extent)}{left_out}", desired)


def _state(placement: Placement, extent: Extent) -> str:
    if extent.count:
        return "runs"
    if placement.launches_later:
        return "is specified; the job's next launch runs it"
    if placement.completes:
        return "is specified; its allocations completed"
    return "is specified; no allocation should run"


def _auto_deploy_off(case: Case, _tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    message = f"auto deploy is off{_switched(case)}; {desired.tag} is deployed when it is switched on"
    return None if case.auto_deploy else _hold(HoldReason.AUTO_DEPLOY_OFF, message, desired)


def _paused(case: Case, _tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    if case.paused:
        message = f"everything is paused{case.commands.pause.since}; resume, and the rule would deploy {desired.tag}"
        return _hold(HoldReason.PAUSED, message, desired)
    if case.watch.observe_only:
        message = f"observe_only is set; remove it, and the rule would deploy {desired.tag}"
        return _hold(HoldReason.OBSERVE_ONLY, message, desired)
    return None


def _drifted(case: Case, tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    if case.history.newer_than_drift or not drifted(tasks, case.history.expected):
        return None
    changed = described(outside_changes(tasks, case.history.expected))
    message = f"drift: somebody changed the image in the job {changed}; a newer image or a manual deploy replaces it"
    return _hold(HoldReason.DRIFTED, message, desired)


def _rolled_back(case: Case, tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    if not case.rolled_back:
        return None
    tags = " and ".join(sorted({specified(task, case.history).tag or "an untagged image" for task in tasks}))
    by = case.commands.rollback
    message = f"{by.who} rolled back to {tags}{by.on}; an image newer than {desired.tag} or a manual deploy replaces it"
    return _hold(HoldReason.ROLLED_BACK, message, desired)


def _no_room(case: Case, _tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    if not case.no_room or desired.digest != case.history.not_placed:
        return None
    message = (
        f"{desired.tag} has no place: {case.no_room}; it is deployed again as soon as Nomad's plan has room for it; "
        "make room in Nomad, or deploy another tag"
    )
    return _hold(HoldReason.STALLED, message, desired)


def _failed_elsewhere(case: Case, _tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    job = case.history.failed_elsewhere.get(desired.digest) if case.heed_elsewhere else None
    if job is None:
        return None
    message = f"{desired.tag} failed on job {job}, with this digest; release the hold there, or deploy it manually"
    return _hold(HoldReason.FAILED_ELSEWHERE, message, desired)


def _queued(case: Case, _tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    message = f"{desired.tag} waits for a slot: {case.queue_reason}; a manual deploy does not wait"
    return _hold(HoldReason.QUEUED, message, desired) if case.queue_reason else None


def _downgrade(case: Case, tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    found, highest = release(desired.tag), highest_specified(tasks, case.history)
    if not case.rule.follows_releases or found is None or highest is None or found.version >= highest.version:
        return None
    message = f"{desired.tag} would be a downgrade from {highest.tag}; deploy it manually if you want it"
    return _hold(HoldReason.DOWNGRADE, message, desired)


def _not_a_release(case: Case, tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Hold | None:
    if not case.rule.follows_releases or highest_specified(tasks, case.history) is not None:
        return None
    found, first = release(desired.tag), release(case.history.baseline_release)
    if found is not None and (first is None or found.version > first.version):
        return None
    message = "the running image is no release; push the next release, or deploy one manually, to start following"
    return _hold(HoldReason.NOT_A_RELEASE, message, desired)


_Check = Callable[[Case, tuple[SpecifiedTask, ...], Desired], Hold | None]


# The order is the rule: docs/decisions.md rows 4 to 17, first match wins. Rows 15 to 17 only delay a deploy.
_CHECKS: tuple[_Check, ...] = (
    _busy,
    _failed_before,
    _specified,
    _auto_deploy_off,
    _paused,
    _drifted,
    _rolled_back,
    _downgrade,
    _not_a_release,
    _no_room,
    _failed_elsewhere,
    _queued,
)


def _deploy(case: Case, tasks: tuple[SpecifiedTask, ...], desired: Desired) -> Deploy:
    tags = sorted({specified(task, case.history).tag or "an untagged image" for task in tasks})
    changed = tags == [desired.tag]
    message = f"the digest behind {desired.tag} changed" if changed else f"{desired.tag} follows {', '.join(tags)}"
    return Deploy(
        tag=desired.tag, digest=desired.digest, message=message, children=desired.children, digest_changed=changed
    )


def _hold(reason: HoldReason, message: str, desired: Desired) -> Hold:
    return Hold(reason=reason, message=message, tag=desired.tag, digest=desired.digest)


def _no_tag(case: Case, tasks: tuple[SpecifiedTask, ...]) -> str:
    if case.rule.follows_releases:
        highest = highest_specified(tasks, case.history)
        return no_release(case.listed, str(case.watch.repository), highest.tag if highest else None)
    return (
        f"the registry has no tag {case.rule.pinned_tag}; the running image stays{_pinned(case)}; push the tag, "
        "or pin another"
    )


def _pinned(case: Case) -> str:
    """Who pinned the tag, since when and why, to follow a sentence."""
    since = case.commands.pin.since
    return f"; it is pinned{since}" if since else ""


def _switched(case: Case) -> str:
    """The same of the switch."""
    since = case.commands.switch.since
    return f", switched off{since}" if since else ""
