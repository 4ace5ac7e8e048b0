"""A Nomad deployment as far as a followed rollout needs it: its state, allocations and diagnosis. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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

    `deadline_passed` is whether it failed only because nothing became healthy in time. `canaries` is the desired number
    of canaries; `awaits_promotion` is whether all of them are healthy and only a
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
    deadline_passed: bool = False

    @property
    def healthy_canaries(self) -> str:
        """How many of its canaries are healthy."""
        verb = "is" if self.canaries == 1 else "are"
        return f"{min(self.healthy, self.canaries)} of {self.canaries} canaries {verb} healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationState:
    """One allocation of our job version: `status` is pending, running, complete, failed, lost or unknown.

    `started` names the last start of a running one, by its node's clock: it differs after a restart, and is compared
    with no other clock. None if it does not run.
    """

    allocation_id: str
    status: str
    started: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSince:
    """When we first saw an allocation run since its last start, by our own clock."""

    started: float
    at: datetime


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

    @property
    def cause(self) -> str:
        """The likeliest cause, "" if none was found."""
        return next(iter(self.findings), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of a rollout, read from Nomad at one moment: all that `judge` needs.

    `present` and `stopped` are the job's; `index` is its JobModifyIndex now. `evaluated` is whether the scheduler has
    finished with our registration. `desired` counts the desired allocations if there is no deployment; `per_node` is
    whether that is one on each node. `stable` is whether Nomad marked our version as stable. `lacks_placements` is
    whether the deployment waits for allocations that nothing under way will bring. `unplaced` says why allocations
    could not be placed; `failures` are Nomad's own explanations. `wait_index` is where to wait for the next change;
    None allows only a new snapshot later.
    """

    present: bool
    stopped: bool = False
    index: int = 0
    evaluated: bool = False
    launches_later: bool = False
    completes: bool = False
    desired: int = 0
    per_node: bool = False
    stable: bool = False
    lacks_placements: bool = False
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

    @property
    def note(self) -> str:
        """How far the rollout came."""
        deployment = self.deployment
        if deployment is None:
            return self._note_without_deployment
        if deployment.paused:
            return "the deployment is paused in Nomad"
        if deployment.awaits_promotion:
            return f"{deployment.healthy_canaries}; waiting for promotion: promote or fail this rollout"
        return f"{deployment.healthy} of {deployment.desired} allocations are healthy"

    @property
    def _note_without_deployment(self) -> str:
        if not self.evaluated:
            return "waiting for Nomad's scheduler"
        if not self.allocations:
            return "waiting for allocations"
        if self.completes:
            count = sum(each.status == "complete" for each in self.allocations)
            return f"{count} of {self.desired} allocations completed"
        count = sum(each.status == "running" for each in self.allocations)
        return f"{count} of {self.desired} {'nodes run it' if self.per_node else 'allocations run'}"

    def running_since(self, before: Mapping[str, RunningSince], now: datetime) -> Mapping[str, RunningSince]:
        """When each running allocation was first seen so: as `before` if it was not started again, else `now`."""
        found = {}
        for each in self.allocations:
            if each.status == "running" and each.started is not None:
                known = before.get(each.allocation_id)
                if known is None or known.started != each.started:
                    known = RunningSince(started=each.started, at=now)
                found[each.allocation_id] = known
        return found
