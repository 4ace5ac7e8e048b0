"""The decision for one watch: Deploy or Hold with its reason, first match wins. Pure; docs/decisions.md has the table.

It must not read a clock, a registry or a job: everything that it weighs comes in as one `Case`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.history import Desired, History, drifted, highest_running, running, runs_desired
from app.domain.job import JobState, RunningTask
from app.domain.rule import Rule, release
from app.domain.watch import Watch


class HoldReason(StrEnum):
    """Why nothing is deployed. The value is stored and shown; the words beside it name the particulars."""

    UNUSABLE = "unusable"
    NO_MATCHING_TAG = "no_matching_tag"
    BUSY = "busy"
    FAILED_BEFORE = "failed_before"
    UP_TO_DATE = "up_to_date"
    AUTO_DEPLOY_OFF = "auto_deploy_off"
    PAUSED = "paused"
    OBSERVE_ONLY = "observe_only"
    DRIFTED = "drifted"
    ROLLED_BACK = "rolled_back"
    DOWNGRADE = "downgrade"
    NOT_A_RELEASE = "not_a_release"
    FAILED_ELSEWHERE = "failed_elsewhere"
    QUEUED = "queued"

    @property
    def needs_person(self) -> bool:
        """Whether it waits for a person, who is told; others pass by themselves or were told as a rollout's end."""
        return self in (
            HoldReason.UNUSABLE,
            HoldReason.AUTO_DEPLOY_OFF,
            HoldReason.OBSERVE_ONLY,
            HoldReason.DRIFTED,
            HoldReason.DOWNGRADE,
            HoldReason.NOT_A_RELEASE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedDeploy:
    """An order: deploy `desired` whatever runs now; `forced` False leaves alone what already runs it (reset).

    `desired` is None when the registry no longer has the tag. `message` say who wants it. `reverts` brings the very
    digest that ran before, spelled as `former` has it for a task ("group/task"); `unless_changed` gives way to whoever
    changed the job since (an undo of ours).
    """

    desired: Desired | None
    forced: bool = True
    message: str = ""
    reverts: bool = False
    former: Mapping[str, str] = field(default_factory=dict)
    unless_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that one decision weighs. `busy` says what is under way on the job, "" when nothing is.

    `rolled_back` is whether a person rolled back and nothing newer has appeared since. `heed_elsewhere` is whether an
    image that failed on another job stops here too. `turn` says why other rollouts go first, "" when none do.
    """

    watch: Watch
    rule: Rule
    auto_deploy: bool
    paused: bool
    job: JobState | None
    desired: Desired | None
    history: History
    busy: str = ""
    ask: RequestedDeploy | None = None
    rolled_back: bool = False
    heed_elsewhere: bool = False
    turn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing is deployed; `tag` and `digest` are what is wanted ("" when nothing is)."""

    reason: HoldReason
    message: str
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """Bring every selected task to this tag and digest; one that runs a child of the index is there already.

    `by_digest` writes the digest whatever the watch's own way is: a tag may show something else by now. `former` are
    image texts, by "group/task", that mean just this and are written as they are. `digest_changed` is whether all tasks
    run this very tag already, with another digest.
    """

    tag: str
    digest: str
    message: str
    children: frozenset[str] = frozenset()
    by_digest: bool = False
    former: Mapping[str, str] = field(default_factory=dict)
    digest_changed: bool = False


Decision = Deploy | Hold


def decide(case: Case) -> Decision:
    """The first matching row of docs/decisions.md: a `Hold` with its reason in words, or a `Deploy`."""
    unusable = obstacle(case.watch, case.job)
    if unusable or case.job is None:
        return Hold(reason=HoldReason.UNUSABLE, message=unusable)
    tasks = case.job.selected(case.watch.task, case.watch.group)
    if case.ask is not None and case.ask.desired is not None:
        return _ordered(case, tasks, case.ask, case.ask.desired)
    if case.desired is None:
        return Hold(reason=HoldReason.NO_MATCHING_TAG, message=_no_tag(case.rule))
    for check in _CHECKS:
        hold = check(case, tasks, case.desired)
        if hold is not None:
            return hold
    return _deploy(case, tasks, case.desired)


def _ordered(case: Case, tasks: tuple[RunningTask, ...], ask: RequestedDeploy, desired: Desired) -> Decision:
    if ask.unless_changed and drifted(tasks, case.history.expected):
        message = (
            f"the job was changed outside, so that nothing goes back to {desired.tag or desired.digest}; "
            "deploy it by hand if that is meant"
        )
        return _hold(HoldReason.DRIFTED, message, desired)
    if not ask.forced and _runs(case, tasks, desired):
        return _hold(HoldReason.UP_TO_DATE, f"{desired.tag} already runs", desired)
    return Deploy(
        tag=desired.tag,
        digest=desired.digest,
        message=ask.message or f"a person asked for {desired.tag}",
        children=desired.children,
        by_digest=ask.reverts,
        former=ask.former,
    )


def _runs(case: Case, tasks: tuple[RunningTask, ...], desired: Desired) -> bool:
    """A job keeps an image that failed: it stands in the job, but it does not run."""
    failed = desired.digest in case.history.failed | case.history.released
    return not failed and runs_desired(tasks, desired, case.history)


def obstacle(watch: Watch, job: JobState | None) -> str:
    """Why the job cannot be touched for this watch, with the mend; "" when it can."""
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
                f"task {task.key} runs {task.reference.repository}, and {watch.repository} is watched; "
                "correct the configuration or the job"
            )
    return ""


def _busy(case: Case, _tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    return _hold(HoldReason.BUSY, case.busy, desired) if case.busy else None


def _failed_before(case: Case, _tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    if desired.digest not in case.history.failed:
        return None
    message = (
        f"{desired.tag} with this digest failed here before; release it, deploy it by hand, or push something newer"
    )
    return _hold(HoldReason.FAILED_BEFORE, message, desired)


def _up_to_date(case: Case, tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    return _hold(HoldReason.UP_TO_DATE, f"{desired.tag} runs", desired) if _runs(case, tasks, desired) else None


def _auto_deploy_off(case: Case, _tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    message = f"auto deploy is off; {desired.tag} is deployed when it is switched on"
    return None if case.auto_deploy else _hold(HoldReason.AUTO_DEPLOY_OFF, message, desired)


def _paused(case: Case, _tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    if case.paused:
        return _hold(HoldReason.PAUSED, f"everything is paused; would deploy {desired.tag} once it is resumed", desired)
    if case.watch.observe_only:
        message = f"observing only; would deploy {desired.tag} once observe_only is taken away"
        return _hold(HoldReason.OBSERVE_ONLY, message, desired)
    return None


def _drifted(case: Case, tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    if case.history.newer_than_drift or not drifted(tasks, case.history.expected):
        return None
    message = "the image was changed outside after our last rollout; something newer, or a deploy by hand, goes on"
    return _hold(HoldReason.DRIFTED, message, desired)


def _rolled_back(case: Case, tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    if not case.rolled_back:
        return None
    tags = " and ".join(sorted({running(task, case.history).tag or "an untagged image" for task in tasks}))
    message = f"a person rolled back to {tags}; something newer than {desired.tag}, or a deploy by hand, goes on"
    return _hold(HoldReason.ROLLED_BACK, message, desired)


def _failed_elsewhere(case: Case, _tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    job = case.history.failed_elsewhere.get(desired.digest) if case.heed_elsewhere else None
    if job is None:
        return None
    message = f"{desired.tag} with this digest failed on job {job}; release it there, or deploy it by hand"
    return _hold(HoldReason.FAILED_ELSEWHERE, message, desired)


def _queued(case: Case, _tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    message = f"{desired.tag} waits: {case.turn}; it is deployed in its turn, or by hand at once"
    return _hold(HoldReason.QUEUED, message, desired) if case.turn else None


def _downgrade(case: Case, tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    found, highest = release(desired.tag), highest_running(tasks, case.history)
    if not case.rule.follows_releases or found is None or highest is None or found.version >= highest.version:
        return None
    message = f"{desired.tag} would be a downgrade from {highest.tag}; deploy it by hand if that is meant"
    return _hold(HoldReason.DOWNGRADE, message, desired)


def _not_a_release(case: Case, tasks: tuple[RunningTask, ...], desired: Desired) -> Hold | None:
    if not case.rule.follows_releases or highest_running(tasks, case.history) is not None:
        return None
    found, first = release(desired.tag), release(case.history.baseline_release)
    if found is not None and (first is None or found.version > first.version):
        return None
    message = "what runs is no release; the next release, or a deploy by hand, starts following"
    return _hold(HoldReason.NOT_A_RELEASE, message, desired)


_Check = Callable[[Case, tuple[RunningTask, ...], Desired], Hold | None]

# The order is the rule: docs/decisions.md rows 4 to 15, first match wins. Rows 14 and 15 only delay a deploy.
_CHECKS: tuple[_Check, ...] = (
    _busy,
    _failed_before,
    _up_to_date,
    _auto_deploy_off,
    _paused,
    _drifted,
    _rolled_back,
    _downgrade,
    _not_a_release,
    _failed_elsewhere,
    _queued,
)


def _deploy(case: Case, tasks: tuple[RunningTask, ...], desired: Desired) -> Deploy:
    tags = sorted({running(task, case.history).tag or "an untagged image" for task in tasks})
    changed = tags == [desired.tag]
    message = f"the digest behind {desired.tag} changed" if changed else f"{desired.tag} follows {', '.join(tags)}"
    return Deploy(
        tag=desired.tag, digest=desired.digest, message=message, children=desired.children, digest_changed=changed
    )


def _hold(reason: HoldReason, message: str, desired: Desired) -> Hold:
    return Hold(reason=reason, message=message, tag=desired.tag, digest=desired.digest)


def _no_tag(rule: Rule) -> str:
    if rule.follows_releases:
        found = "the registry has no release tag (X.Y.Z, with or without v)"
        return f"{found}; what runs stays until one is pushed, or a tag pinned"
    return f"the registry has no tag {rule.pinned_tag}; what runs stays until it is pushed, or another pinned"
