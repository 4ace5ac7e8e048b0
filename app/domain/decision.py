"""The decision for one watch: Deploy or Hold with its reason, first match wins. Pure; the table of the design.

It must not read a clock, a registry or a job: everything that it weighs comes in as one `Case`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.job import JobState, RunningTask
from app.domain.reference import Reference
from app.domain.rule import Release, Rule, highest_of, release
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
    CHANGED_OUTSIDE = "changed_outside"
    DOWNGRADE = "downgrade"
    NOT_A_RELEASE = "not_a_release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the rule, or a person, wants: a tag and the digest that the registry serves for it now.

    `children` are the digests that an index lists: a task that runs one of them runs the wanted image.
    """

    tag: str
    digest: str
    children: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A person's word: deploy `wanted` whatever runs now; `forced` False leaves alone what already runs it (reset).

    `wanted` is None when the registry no longer has the tag.
    """

    wanted: Wanted | None
    forced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was recorded about this watch in this incarnation of its job.

    `digests` maps an image's `identity` to the digest that it stands for (the baseline, and what our rollouts wrote);
    `tags` maps a digest to the tag that our rollouts deployed it by. `first_highest` is the highest release tag of the
    first look, "" when there was none. `expected` maps "group/task" to the `identity` that our last rollout left there,
    empty before the first. `newer_than_hand_change` is whether a digest, or a person's word, came after a change by
    hand.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    first_highest: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    newer_than_hand_change: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that one decision weighs. `busy` says what is under way on the job, "" when nothing is."""

    watch: Watch
    rule: Rule
    auto_deploy: bool
    paused: bool
    job: JobState | None
    wanted: Wanted | None
    history: History
    busy: str = ""
    ask: Ask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing is deployed; `tag` and `digest` are what is wanted ("" when nothing is)."""

    reason: HoldReason
    words: str
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """Bring every selected task to this tag and digest; one that runs a child of the index is there already."""

    tag: str
    digest: str
    words: str
    children: frozenset[str] = frozenset()


Decision = Deploy | Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What one task runs: `digest` is "" when nobody recorded it; `release` is None when the tag is no release."""

    tag: str
    digest: str
    release: Release | None


def identity(task: RunningTask) -> str:
    """A task's image by its normalised name: equal for two spellings of one image; "" when it cannot be followed."""
    return normalised(task.reference) if task.reference is not None else ""


def normalised(reference: Reference) -> str:
    """A reference printed with its normalised repository name."""
    tag, digest = reference.tag, reference.digest
    return str(reference.repository) + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def running(task: RunningTask, history: History) -> Running:
    """Read a task's image with what was recorded: a digest written out wins, a bare digest gets the tag we gave it."""
    reference = task.reference
    digest = (reference.digest if reference else None) or history.digests.get(identity(task), "")
    tag = (reference.tag if reference else None) or history.tags.get(digest, "")
    if not tag and reference is not None and reference.digest is None:
        tag = "latest"
    return Running(tag=tag, digest=digest, release=release(tag))


def highest_running(tasks: tuple[RunningTask, ...], history: History) -> Release | None:
    """The highest release among what the tasks run: the one that counts for spelling and for downgrades."""
    return highest_of(running(task, history).tag for task in tasks)


def changed_by_hand(tasks: tuple[RunningTask, ...], expected: Mapping[str, str]) -> bool:
    """Whether a task's image is another than our last rollout left there; never so before our first."""
    return any(expected.get(str(task.key), identity(task)) != identity(task) for task in tasks)


def decide(case: Case) -> Decision:
    """The first matching line of the table: a `Hold` with its reason in words, or a `Deploy`."""
    unusable = obstacle(case.watch, case.job)
    if unusable or case.job is None:
        return Hold(reason=HoldReason.UNUSABLE, words=unusable)
    tasks = case.job.selected(case.watch.task, case.watch.group)
    if case.ask is not None and case.ask.wanted is not None:
        wanted = case.ask.wanted
        # A job keeps an image that failed: it stands in the job, but it does not run.
        if not case.ask.forced and wanted.digest not in case.history.failed and _runs(tasks, wanted, case.history):
            return _hold(HoldReason.UP_TO_DATE, f"{wanted.tag} already runs", wanted)
        return _deploy(wanted, f"a person asked for {wanted.tag}")
    if case.wanted is None:
        return Hold(reason=HoldReason.NO_MATCHING_TAG, words=_no_tag(case.rule))
    for check in _CHECKS:
        hold = check(case, tasks, case.wanted)
        if hold is not None:
            return hold
    return _deploy(case.wanted, _why(case, tasks, case.wanted))


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


def _busy(case: Case, _tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    return _hold(HoldReason.BUSY, case.busy, wanted) if case.busy else None


def _failed_before(case: Case, _tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    if wanted.digest not in case.history.failed:
        return None
    words = f"{wanted.tag} with this digest failed here before; deploy it by hand, or push something newer"
    return _hold(HoldReason.FAILED_BEFORE, words, wanted)


def _up_to_date(case: Case, tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    return _hold(HoldReason.UP_TO_DATE, f"{wanted.tag} runs", wanted) if _runs(tasks, wanted, case.history) else None


def _auto_deploy_off(case: Case, _tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    words = f"auto deploy is off; {wanted.tag} is deployed when it is switched on"
    return None if case.auto_deploy else _hold(HoldReason.AUTO_DEPLOY_OFF, words, wanted)


def _paused(case: Case, _tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    if case.paused:
        return _hold(HoldReason.PAUSED, f"everything is paused; would deploy {wanted.tag}", wanted)
    if case.watch.observe_only:
        return _hold(HoldReason.OBSERVE_ONLY, f"observing only; would deploy {wanted.tag}", wanted)
    return None


def _changed_outside(case: Case, tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    if case.history.newer_than_hand_change or not changed_by_hand(tasks, case.history.expected):
        return None
    words = "the image was changed outside after our last rollout; something newer, or a deploy by hand, goes on"
    return _hold(HoldReason.CHANGED_OUTSIDE, words, wanted)


def _downgrade(case: Case, tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    found, highest = release(wanted.tag), highest_running(tasks, case.history)
    if not case.rule.follows_releases or found is None or highest is None or found.version >= highest.version:
        return None
    words = f"{wanted.tag} would be a downgrade from {highest.tag}; deploy it by hand if that is meant"
    return _hold(HoldReason.DOWNGRADE, words, wanted)


def _not_a_release(case: Case, tasks: tuple[RunningTask, ...], wanted: Wanted) -> Hold | None:
    if not case.rule.follows_releases or highest_running(tasks, case.history) is not None:
        return None
    found, first = release(wanted.tag), release(case.history.first_highest)
    if found is not None and (first is None or found.version > first.version):
        return None
    words = "what runs is no release; the next release, or a deploy by hand, starts following"
    return _hold(HoldReason.NOT_A_RELEASE, words, wanted)


_Check = Callable[[Case, tuple[RunningTask, ...], Wanted], Hold | None]

# The order is the rule: lines 4 to 11 of the table, first match wins.
_CHECKS: tuple[_Check, ...] = (
    _busy,
    _failed_before,
    _up_to_date,
    _auto_deploy_off,
    _paused,
    _changed_outside,
    _downgrade,
    _not_a_release,
)


def _runs(tasks: tuple[RunningTask, ...], wanted: Wanted, history: History) -> bool:
    accepted = wanted.children | {wanted.digest}
    return all(running(task, history).digest in accepted for task in tasks)


def _deploy(wanted: Wanted, words: str) -> Deploy:
    return Deploy(tag=wanted.tag, digest=wanted.digest, words=words, children=wanted.children)


def _hold(reason: HoldReason, words: str, wanted: Wanted) -> Hold:
    return Hold(reason=reason, words=words, tag=wanted.tag, digest=wanted.digest)


def _no_tag(rule: Rule) -> str:
    if rule.follows_releases:
        return "the registry has no release tag (X.Y.Z, with or without v); what runs stays"
    return f"the registry has no tag {rule.pinned_tag}; what runs stays"


def _why(case: Case, tasks: tuple[RunningTask, ...], wanted: Wanted) -> str:
    tags = sorted({running(task, case.history).tag or "an untagged image" for task in tasks})
    if tags == [wanted.tag]:
        return f"the digest behind {wanted.tag} changed"
    return f"{wanted.tag} follows {', '.join(tags)}"
