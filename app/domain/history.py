"""Reads running images with the records about them: the digest of a bare tag, the tag of a bare digest. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from app.domain.job import SpecifiedTask
from app.domain.reference import Reference
from app.domain.rule import Release, highest_of, release


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The desired image, by the rule or by a command: a tag, and the digest that the registry has for it now.

    `children` are the digests that an index lists: a task that runs one of them runs the desired image.
    """

    tag: str
    digest: str
    children: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The records about this watch in this incarnation of its job.

    `digests` maps an image's `identity` to its digest (from the baseline, and from our rollouts). `tags` maps a digest
    to the tag by which our rollouts deployed it. `baseline_release` is the highest release tag of the first reconcile,
    "" if there was none. `expected` maps "group/task" to the `identity` that our last rollout or, before any, the
    first check left there. `newer_than_drift` is whether a new digest or a command came after the drift.

    `failed` are the digests that failed here and are held, `failure_causes` why, by digest. `released` are the
    digests that failed and whose hold a person released: the job may still specify them, but they do not run.
    `not_placed` is the digest of the newest rollout, if Nomad gave it up because an allocation had no place: it places
    no more of it. `failed_elsewhere` maps a digest of this repository to the job that it failed on.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    baseline_release: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    failure_causes: Mapping[str, str] = field(default_factory=dict)
    released: frozenset[str] = frozenset()
    not_placed: str = ""
    failed_elsewhere: Mapping[str, str] = field(default_factory=dict)
    newer_than_drift: bool = False

    @property
    def given_up(self) -> frozenset[str]:
        """The digests that the job may still specify although Nomad places no more of them: only a marker makes Nomad
        try one again."""
        return self.failed | self.released | {self.not_placed}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Image:
    """An image of a watch: `tag` is "" for a bare digest, `digest` is "" if it is not known."""

    tag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """An image that an abandoned registration may still write into one task: a frozen worker may post it, or Nomad may
    apply it late, as long as the job is at `index`. `key` is "group/task"."""

    index: int
    key: str
    identity: str
    digest: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTask:
    """A running task as the last reconcile recorded it: `task` is "group/task"; `identity` is None in an old record."""

    task: str
    identity: str | None
    tag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecifiedImage:
    """The image of one task: `digest` is "" if there is no record of it; `release` is None if the tag is no release."""

    tag: str
    digest: str
    release: Release | None


def identity(task: SpecifiedTask) -> str:
    """A task's image by its normalised name, equal for two spellings of one image; "" if it cannot be followed."""
    return normalised(task.reference) if task.reference is not None else ""


def normalised(reference: Reference) -> str:
    """A reference printed with its normalised repository name."""
    tag, digest = reference.tag, reference.digest
    return str(reference.repository) + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def specified(task: SpecifiedTask, history: History) -> SpecifiedImage:
    """Read a task's image with the records: a digest in the text counts first; a bare digest gets our recorded tag."""
    reference = task.reference
    digest = (reference.digest if reference else None) or history.digests.get(identity(task), "")
    tag = (reference.tag if reference else None) or history.tags.get(digest, "")
    if not tag and reference is not None and reference.digest is None:
        tag = "latest"
    return SpecifiedImage(tag=tag, digest=digest, release=release(tag))


def highest_specified(tasks: tuple[SpecifiedTask, ...], history: History) -> Release | None:
    """The highest release that the tasks run. It counts for the spelling of tags and for downgrades."""
    return highest_of(specified(task, history).tag for task in tasks)


def is_another_job(known: int, found: int) -> bool:
    """Whether the job was purged and created again since `known`: failures of the old job no longer count.

    Both are create indices; `known` is 0 for a job that was never reconciled.
    """
    return known not in (0, found)


def with_arrived(tasks: tuple[SpecifiedTask, ...], history: History, in_flight: Iterable[InFlight]) -> History:
    """The history with the `in_flight` registrations that did arrive: they are ours, so they are no drift."""
    found = {(str(task.key), identity(task)) for task in tasks}
    arrived = [each for each in in_flight if (each.key, each.identity) in found]
    return replace(
        history,
        expected={**history.expected, **{each.key: each.identity for each in arrived}},
        digests={**history.digests, **{each.identity: each.digest for each in arrived}},
        tags={**history.tags, **{each.digest: each.tag for each in arrived}},
    )


def specifies_desired(tasks: tuple[SpecifiedTask, ...], desired: Desired, history: History) -> bool:
    """Whether every task runs the desired image, or one of its children."""
    accepted = desired.children | {desired.digest}
    return all(specified(task, history).digest in accepted for task in tasks)


def after_registration(
    history: History, ran: Iterable[RecordedTask], written: Mapping[str, str], *, tag: str, digest: str
) -> History:
    """The history once our rollout of `tag` and `digest` is registered; `written` maps "group/task" to the identity
    that it wrote there.

    From now on we expect what the rollout wrote, and what ran before in the tasks that it did not change. The tags of
    the digests that ran stay known: Nomad may revert to them.
    """
    recorded = tuple(ran)
    return replace(
        history,
        expected={**{each.task: each.identity for each in recorded if each.identity is not None}, **written},
        digests={**history.digests, **dict.fromkeys(written.values(), digest)},
        tags={**{each.digest: each.tag for each in recorded if each.tag}, digest: tag},
    )
