"""A Nomad job as far as a decision needs it, and the change we make to it. Nomad's words stay in the adapter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.reference import Reference
from app.domain.watch import DeployBy


class ReferenceForm(StrEnum):
    """How a task's driver wants a reference pinned to a digest: `repo:tag@digest`, or `repo@digest` without the tag."""

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
class RunningTask:
    """One task of the job.

    `image` is the text in the job ("" when there is none); `prefix` is what stands before the reference (`docker://`).
    `reference` is None exactly when `problem` says why the image cannot be followed (interpolated, an archive, absent).
    """

    key: TaskKey
    image: str
    reference: Reference | None
    problem: str | None = None
    prefix: str = ""
    form: ReferenceForm = ReferenceForm.TAG_AND_DIGEST
    can_force_pull: bool = True

    def written(self, *, tag: str, digest: str, deploy_by: DeployBy) -> str:
        """The image text that brings this task to `tag` at `digest`; the spelling of host and path is kept."""
        if self.reference is None:
            raise ValueError(f"{self.key} has no reference to edit")
        if deploy_by is DeployBy.TAG:
            return self.prefix + self.reference.at(tag=tag, digest=None)
        kept_tag = tag if self.form is ReferenceForm.TAG_AND_DIGEST else None
        return self.prefix + self.reference.at(tag=kept_tag, digest=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveDeployment:
    """A Nomad deployment that is not finished; `progress` changes whenever it moves."""

    deployment_id: str
    job_spec_index: int
    progress: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """What the job says now. `index` is Nomad's JobModifyIndex, the check-and-set value; `create_index` tells one
    incarnation of a purged and re-created job from the next. `unusable` names why we must not change it, with the fix.
    `submitted_at` is when this version was registered (unix seconds).
    """

    index: int
    create_index: int
    version: int
    submitted_at: float
    tasks: tuple[RunningTask, ...]
    unusable: str | None = None
    deployment: ActiveDeployment | None = None

    def selected(self, task: str, group: str | None) -> tuple[RunningTask, ...]:
        """The tasks of that name; in every group when `group` is None."""
        return tuple(each for each in self.tasks if each.key.task == task and group in (None, each.key.group))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """The edit of one task: its image, and a task-level Meta marker where the image alone would not change the job."""

    image: str
    marker: str | None = None
    force_pull: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPatch:
    """One registration: every task to change, and the index that the job must still have (check-and-set)."""

    changes: Mapping[TaskKey, TaskChange]
    expected_index: int


class SourceState(StrEnum):
    """What became of the job's source (its HCL) with a registration: `none` was stored, it was changed along, or it
    still names the old image."""

    NONE = "none"
    KEPT = "kept"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A registration that Nomad has applied. `index` is the job's JobModifyIndex made by it: the exact key of its
    deployment. `changed` is False when the specification was already so; `evaluation_id` is "" where the job
    launches later. `warnings` are Nomad's, and ours about what could not be checked. `source_note` says why the source
    is stale.
    """

    index: int
    evaluation_id: str
    changed: bool = True
    warnings: str = ""
    source: SourceState = SourceState.NONE
    source_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What registering a patch would change, by Nomad's own plan.

    `lines` are all its changes in words, `foreign` those that the patch does not name (drift: nothing is registered
    then). `updates` maps a group to what happens to its allocations. `unplaced` warns that the scheduler would not
    place everything. `allowed` False means that the token may not plan; the rest is empty then.
    """

    lines: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    updates: Mapping[str, str] = field(default_factory=dict)
    unplaced: str = ""
    warnings: str = ""
    allowed: bool = True


class DeploymentPhase(StrEnum):
    """Where a Nomad deployment stands."""

    ACTIVE = "active"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    REPLACED = "replaced"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentState:
    """The Nomad deployment of our registration. `reverted_to` is the job version that Nomad went back to, if it did.

    `canaries` is how many canaries are wanted; `awaits_promotion` is whether all of them are healthy and nothing but a
    promotion will move the deployment.
    """

    deployment_id: str
    phase: DeploymentPhase
    description: str
    desired: int
    placed: int
    healthy: int
    unhealthy: int
    canaries: int = 0
    awaits_promotion: bool = False
    paused: bool = False
    reverted_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationState:
    """One allocation of our job version: `status` is pending, running, complete, failed, lost or unknown."""

    allocation_id: str
    status: str
    running_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitIndex:
    """Where to wait for the next change of a rollout.

    `subject` names the object in the deployer's own terms; `index` is the index at which the object was last read.
    """

    subject: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTail:
    """The last lines that a failed task wrote to stderr."""

    task: str
    allocation_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Why a rollout failed, in sentences for people, the likeliest cause first; and what the failed tasks wrote.

    `logs_denied` is whether the token may not read logs.
    """

    findings: tuple[str, ...] = ()
    logs: tuple[LogTail, ...] = ()
    logs_denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A short observation of a rollout: everything that judging needs, read from Nomad at one moment.

    `present` and `stopped` are the job's; `index` is its JobModifyIndex now. `evaluated` is whether the scheduler is
    done with our registration. `desired` counts the allocations wanted where there is no deployment. `stable` is
    Nomad's durable mark of our version. `unplaced` says why allocations could not be placed; `failures` explain in
    Nomad's words. `wait_index` is what to wait on for the next change; None leaves only a new snapshot after a while.
    """

    present: bool
    stopped: bool = False
    index: int = 0
    evaluated: bool = False
    launches_later: bool = False
    runs_to_completion: bool = False
    desired: int = 0
    stable: bool = False
    deployment: DeploymentState | None = None
    allocations: tuple[AllocationState, ...] = ()
    unplaced: str = ""
    failures: tuple[str, ...] = field(default=())
    wait_index: WaitIndex | None = None

    @property
    def progress(self) -> str:
        """A text that changes exactly when the rollout moves: what the stall timer watches."""
        deployment = self.deployment
        if deployment is None:
            counts = ",".join(sorted(f"{each.allocation_id}:{each.status}" for each in self.allocations))
            return f"{self.evaluated}|{counts}"
        return (
            f"{deployment.phase}|{deployment.placed}|{deployment.healthy}|{deployment.unhealthy}|"
            f"{deployment.awaits_promotion}|{deployment.paused}"
        )
