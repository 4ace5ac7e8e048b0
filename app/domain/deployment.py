"""A Nomad deployment as far as a followed rollout needs it: its state, allocations and diagnosis. Values only."""

from dataclasses import dataclass, field
from enum import StrEnum


class DeploymentPhase(StrEnum):
    """The phase of a Nomad deployment."""

    ACTIVE = "active"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    REPLACED = "replaced"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentState:
    """The Nomad deployment of our registration. `reverted_to` is the job version that Nomad reverted to, if it did.

    `canaries` is the desired number of canaries; `awaits_promotion` is whether all of them are healthy and only a
    promotion will continue the deployment.
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
    """The index from which to wait for the next change of a rollout.

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
    """Why a rollout failed, in sentences for people, the likeliest cause first; and the logs of the failed tasks.

    `logs_denied` is whether the token may not read logs.
    """

    findings: tuple[str, ...] = ()
    logs: tuple[LogTail, ...] = ()
    logs_denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of a rollout, read from Nomad at one moment: all that `judge` needs.

    `present` and `stopped` are the job's; `index` is its JobModifyIndex now. `evaluated` is whether the scheduler has
    finished with our registration. `desired` counts the desired allocations if there is no deployment. `stable` is
    whether Nomad marked our version as stable. `unplaced` says why allocations could not be placed; `failures` are
    Nomad's own explanations. `wait_index` is where to wait for the next change; None allows only a new snapshot later.
    """

    present: bool
    stopped: bool = False
    index: int = 0
    evaluated: bool = False
    launches_later: bool = False
    completes: bool = False
    desired: int = 0
    stable: bool = False
    deployment: DeploymentState | None = None
    allocations: tuple[AllocationState, ...] = ()
    unplaced: str = ""
    failures: tuple[str, ...] = field(default=())
    wait_index: WaitIndex | None = None

    @property
    def progress(self) -> str:
        """A text that changes exactly when the rollout progresses; the stall timer compares it."""
        deployment = self.deployment
        if deployment is None:
            counts = ",".join(sorted(f"{each.allocation_id}:{each.status}" for each in self.allocations))
            return f"{self.evaluated}|{counts}"
        return (
            f"{deployment.phase}|{deployment.placed}|{deployment.healthy}|{deployment.unhealthy}|"
            f"{deployment.awaits_promotion}|{deployment.paused}"
        )
