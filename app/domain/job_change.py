"""Changes of jobs as Nomad tells them: which need a new read of the job, and what a list says changed meanwhile. Pure.

An event is a hint: it says that something changed, and the job is read to know what.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import IntEnum, StrEnum

MOST_FOLLOWED = 40
"""Namespaces that one process follows: each holds two connections to Nomad, which takes a hundred of one client."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Namespace:
    """A namespace of Nomad, whose jobs are followed together. An empty region is the agent's own."""

    region: str
    name: str

    def __str__(self) -> str:
        name = self.name or "default"
        return f"{name} (region {self.region})" if self.region else name


class ChangeKind(StrEnum):
    """What changed, by the topic of Nomad's event."""

    JOB = "job"
    DEPLOYMENT = "deployment"
    ALLOCATION = "allocation"
    EVALUATION = "evaluation"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSignal:
    """A change of one job, or of what belongs to it. `job_index` is the job's JobModifyIndex, 0 if the event has none.

    `deleted` is whether the job was purged.
    """

    job_id: str
    kind: ChangeKind
    job_index: int = 0
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """The open rollout of a target whose patch is written: `index` is its registration, None if it is under way."""

    index: int | None


class Heed(IntEnum):
    """Whether the job must be read because of a change; the greatest of several counts."""

    IGNORE = 0
    LATER = 1  # our registration is under way: whose change this is shows in a moment
    SLOWLY = 2  # our rollout moves: its allocations count, and not each of their steps
    NOW = 3


def heed(change: JobSignal, rollout: Registering | None) -> Heed:
    """Whether the job must be read because of this change.

    While a rollout of ours is under way, the rollout's own follower reads its deployment, and its end makes the target
    due. So only another registration counts at once, and the allocations now and then.
    """
    if rollout is None or change.deleted:
        return Heed.NOW
    if rollout.index is None:
        return Heed.LATER
    if change.kind is ChangeKind.JOB:
        return Heed.IGNORE if change.job_index == rollout.index else Heed.NOW
    return Heed.SLOWLY if change.kind is ChangeKind.ALLOCATION else Heed.IGNORE


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIndexes:
    """The indexes of a job: of its specification, of its creation, and of its last change of any kind."""

    job_index: int
    create_index: int
    modify_index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobList:
    """All jobs of a namespace at one time. `index` is Nomad's then.

    `jobs` is None if the token may not list them; `allocations` has the newest index of each job's allocations.
    """

    index: int
    jobs: Mapping[str, JobIndexes] | None
    allocations: Mapping[str, int]


def differing(known: Mapping[str, JobIndexes], listed: JobList, *, since: int) -> Set[str]:
    """The jobs of `known`, as they were read last, that may have changed after Nomad's index `since`.

    `since` 0 means that they were never followed before. If Nomad's index went back, its state was restored, and every
    job may be another. Without a list of jobs nothing tells that a job was stopped or registered, so all are read.
    """
    if listed.jobs is None or listed.index < since:
        return known.keys()
    return {job_id for job_id, read in known.items() if _differs(read, job_id, listed, since)}


def _differs(read: JobIndexes, job_id: str, listed: JobList, since: int) -> bool:
    now = (listed.jobs or {}).get(job_id)
    if now is None:
        return read.job_index != 0
    if (now.job_index, now.create_index) != (read.job_index, read.create_index):
        return True
    return since > 0 and max(now.modify_index, listed.allocations.get(job_id, 0)) > since
