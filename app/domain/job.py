"""A Nomad job as far as a decision needs it, and our change to it. Nomad's own terms stay in the adapter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.reference import Reference
from app.domain.watch import DeployBy


class ReferenceForm(StrEnum):
    """The form in which a task's driver accepts a digest: `repo:tag@digest`, or `repo@digest` without the tag."""

    TAG_AND_DIGEST = "tag_and_digest"
    DIGEST_ONLY = "digest_only"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TaskKey:
    """A task's name within its group: task names are unique per group only."""

    group: str
    task: str

    def __str__(self) -> str:
        return f"{self.group}/{self.task}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecifiedTask:
    """One task of the job, as a version of the job specifies it.

    `image` is the text in the job, "" if there is none; `prefix` is the text before the reference (`docker://`).
    `reference` is None exactly if `problem` says why the image cannot be followed (interpolated, an archive, absent).
    """

    key: TaskKey
    image: str
    reference: Reference | None
    problem: str | None = None
    prefix: str = ""
    form: ReferenceForm = ReferenceForm.TAG_AND_DIGEST
    can_force_pull: bool = True

    def written(self, *, tag: str, digest: str, deploy_by: DeployBy) -> str:
        """The image text that changes this task to `tag` at `digest`; host and path keep their spelling."""
        if self.reference is None:
            raise ValueError(f"{self.key} has no reference to edit")
        if deploy_by is DeployBy.TAG:
            return self.prefix + self.reference.at(tag=tag, digest=None)
        kept_tag = tag if self.form is ReferenceForm.TAG_AND_DIGEST else None
        return self.prefix + self.reference.at(tag=kept_tag, digest=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveDeployment:
    """A Nomad deployment that is not finished; `progress` changes whenever the deployment progresses."""

    deployment_id: str
    job_spec_index: int
    progress: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocations:
    """The live allocations of one group at one version of the job.

    `tasks` are the group's tasks as that version specified them, () if Nomad no longer keeps the version. `running`
    counts the allocations that run and should run, the `canaries` among them; `starting` the ones that should run and
    do not yet; `stopping` the ones that still run and should not.
    """

    group: str
    version: int
    tasks: tuple[SpecifiedTask, ...] = ()
    running: int = 0
    canaries: int = 0
    starting: int = 0
    stopping: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What runs of the job. The default is a job of which nothing runs and nothing should run.

    `counts` maps a group to the number of allocations that should run now: none for a completed batch. `problem` is
    Nomad's explanation why some of them do not run, "" if all do or it has none. `launches_later` is whether only the
    launches of a periodic or parameterized job run; they are jobs of their own.
    """

    allocations: tuple[Allocations, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    launches_later: bool = False
    completes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """The job as it is specified now, and what runs of it (`placement`).

    `index` is Nomad's JobModifyIndex, the check-and-set value. `create_index` differs between the incarnations of a job
    that was purged and created again. `unusable` says why we must not change it, with the fix. `submitted_at` is when
    this version was registered (unix seconds). `reverted` is whether Nomad's auto-revert made this version.
    """

    index: int
    create_index: int
    version: int
    submitted_at: float
    tasks: tuple[SpecifiedTask, ...]
    unusable: str | None = None
    deployment: ActiveDeployment | None = None
    placement: Placement = field(default_factory=Placement)
    reverted: bool = False

    def selected(self, task: str, group: str | None) -> tuple[SpecifiedTask, ...]:
        """The tasks of that name; in every group if `group` is None."""
        return tuple(each for each in self.tasks if each.key.task == task and group in (None, each.key.group))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """The edit of one task: its image, and a marker in its Meta if the image alone would not change the job."""

    image: str
    marker: str | None = None
    force_pull: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPatch:
    """One registration: every task to change, and the index that the job must still have (check-and-set)."""

    changes: Mapping[TaskKey, TaskChange]
    expected_index: int


class SourceState(StrEnum):
    """The job's stored source (its HCL) after a registration: there is none, it was changed too, or it is stale and
    still names the old image."""

    NONE = "none"
    KEPT = "kept"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A registration that Nomad has applied.

    `index` is the JobModifyIndex that it made: the exact key of its deployment. `changed` is False if the job was
    specified so already. `evaluation_id` is "" if the job launches later. `warnings` are Nomad's, and ours about checks
    that were not possible. `source_note` says why the source is stale.
    """

    index: int
    evaluation_id: str
    changed: bool = True
    warnings: str = ""
    source: SourceState = SourceState.NONE
    source_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the registration of a patch would change, by Nomad's own plan.

    `lines` describe all changes; `foreign` are the changes that the patch does not name, and then nothing is
    registered. `updates` maps a group to the effect on its allocations. `unplaced` warns that the scheduler would not
    place everything. `allowed` is False if the token may not plan; then the rest is empty.
    """

    lines: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    updates: Mapping[str, str] = field(default_factory=dict)
    unplaced: str = ""
    warnings: str = ""
    allowed: bool = True
