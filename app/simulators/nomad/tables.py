"""The rows that the simulated server stores. Rows only: views.py shows them, other modules change them.

A job is stored as the dict that Nomad sends (specification and server fields together). It is never changed in place:
each change stores a new dict, so an allocation keeps the one that it was placed with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from app.simulators.nomad.refusal import Json

ACTIVE_DEPLOYMENT = frozenset({"running", "paused", "pending", "initializing", "blocked", "unblocking"})


@dataclass(slots=True, kw_only=True)
class TableRow:
    """The columns of every table. Indexes are raft indexes; times are Unix seconds."""

    id: str
    namespace: str
    job_id: str
    create_index: int = 0
    modify_index: int = 0
    create_time: float = 0.0
    modify_time: float = 0.0


@dataclass(slots=True, kw_only=True)
class Evaluation(TableRow):
    type: str
    priority: int
    triggered_by: str
    status: str = "pending"
    description: str = ""
    job_modify_index: int = 0
    deployment_id: str = ""
    previous_eval: str = ""
    next_eval: str = ""
    blocked_eval: str = ""
    wait: float = 0.0
    snapshot_index: int = 0
    queued: dict[str, int] | None = None
    annotations: Json | None = None
    failed_groups: Json | None = None

    @property
    def terminal(self) -> bool:
        return self.status not in ("pending", "blocked")


@dataclass(slots=True, kw_only=True)
class Progress:
    """One task group's part of a deployment."""

    auto_revert: bool
    auto_promote: bool
    progress_deadline: int
    desired_total: int
    desired_canaries: int = 0
    promoted: bool = False
    placed_canaries: list[str] = field(default_factory=list)
    placed: int = 0
    healthy: int = 0
    unhealthy: int = 0
    require_progress_by: float | None = None


@dataclass(slots=True, kw_only=True)
class Deployment(TableRow):
    job_version: int
    job_modify_index: int
    job_spec_modify_index: int
    job_create_index: int
    priority: int
    status: str = "running"
    description: str = "Deployment is running"
    groups: dict[str, Progress] = field(default_factory=dict)
    watched: bool = False
    """The watcher's evaluation is scheduled. It covers further changes of health."""

    @property
    def active(self) -> bool:
        return self.status in ACTIVE_DEPLOYMENT

    @property
    def terminal(self) -> bool:
        return not self.active


class Node(NamedTuple):
    """A client node; `number` is 1 for the first."""

    number: int
    id: str

    @property
    def name(self) -> str:
        return f"node-{self.number}"


FIRST_NODE = Node(1, "174d4e82-4b3d-dafa-2f6f-ee4a87e554b9")


class TaskEvent(NamedTuple):
    type: str
    time: float
    message: str
    details: dict[str, str]
    extra: Json


@dataclass(slots=True, kw_only=True)
class TaskState:
    state: str = "pending"
    failed: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    events: list[TaskEvent] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Allocation(TableRow):
    job: Json
    group: str
    position: int
    eval_id: str
    deployment_id: str = ""
    node: Node = FIRST_NODE
    desired_status: str = "run"
    desired_description: str = ""
    client_status: str = "pending"
    client_description: str = ""
    previous: str = ""
    next: str = ""
    canary: bool = False
    healthy: bool | None = None
    health_time: float | None = None
    health_index: int = 0
    tasks: dict[str, TaskState] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    """The digest of each task with an image, also if the task could not start."""

    @property
    def version(self) -> int:
        return int(self.job["Version"])

    @property
    def terminal(self) -> bool:
        return self.desired_status == "stop" or self.client_status in ("complete", "failed", "lost")


@dataclass(slots=True, kw_only=True)
class JobRecord:
    """One incarnation of a job with all its rows. `versions` from old to new, never empty."""

    namespace: str
    id: str
    versions: list[Json]
    submissions: dict[int, Json] = field(default_factory=dict)
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    allocations: dict[str, Allocation] = field(default_factory=dict)

    @property
    def current(self) -> Json:
        return self.versions[-1]

    @property
    def latest_deployment(self) -> Deployment | None:
        return next(reversed(self.deployments.values()), None)
