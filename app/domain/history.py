"""What runs, read with what was recorded: the digest behind a bare tag, the tag behind a bare digest. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from app.domain.job import RunningTask
from app.domain.reference import Reference
from app.domain.rule import Release, highest_of, release


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the rule, or a person, wants: a tag and the digest that the registry serves for it now.

    `children` are the digests that an index lists: a task that runs one of them runs the wanted image.
    """

    tag: str
    digest: str
    children: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was recorded about this watch in this incarnation of its job.

    `digests` maps an image's `identity` to the digest that it stands for (the baseline, and what our rollouts wrote);
    `tags` maps a digest to the tag that our rollouts deployed it by. `baseline_release` is the highest release tag of
    the first look, "" when there was none. `expected` maps "group/task" to the `identity` that our last rollout left
    there, empty before the first. `newer_than_drift` is whether a digest, or a person's word, came after a change by
    hand. `failed` are the digests that failed here and are held; `released` those that failed and that a person let go:
    they stand in the job, maybe, but do not run. `failed_elsewhere` maps a digest of this repository to the job that it
    failed on.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    baseline_release: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    failed_elsewhere: Mapping[str, str] = field(default_factory=dict)
    newer_than_drift: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """What a registration may still put into one task, though it was given up: a worker that was frozen may post it, or
    Nomad apply it late, as long as the job is at `index`. `key` is "group/task"."""

    index: int
    key: str
    identity: str
    digest: str
    tag: str


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


def drifted(tasks: tuple[RunningTask, ...], expected: Mapping[str, str]) -> bool:
    """Whether a task's image is another than our last rollout left there; never so before our first."""
    return any(expected.get(str(task.key), identity(task)) != identity(task) for task in tasks)


def is_another_job(known: int, found: int) -> bool:
    """Whether the job was purged and created again since it was known: what failed in the old one is no matter.

    Both are create indices; 0 is a job that was never looked at.
    """
    return known not in (0, found)


def with_arrived(tasks: tuple[RunningTask, ...], history: History, in_flight: Iterable[InFlight]) -> History:
    """The history with those registrations that came after all: they are ours, and no change by hand."""
    found = {(str(task.key), identity(task)) for task in tasks}
    arrived = [each for each in in_flight if (each.key, each.identity) in found]
    return replace(
        history,
        expected={**history.expected, **{each.key: each.identity for each in arrived}},
        digests={**history.digests, **{each.identity: each.digest for each in arrived}},
        tags={**history.tags, **{each.digest: each.tag for each in arrived}},
    )


def runs_desired(tasks: tuple[RunningTask, ...], desired: Desired, history: History) -> bool:
    """Whether every task runs the wanted image, or one of its children."""
    accepted = desired.children | {desired.digest}
    return all(running(task, history).digest in accepted for task in tasks)
