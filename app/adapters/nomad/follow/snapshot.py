"""Translates Nomad's JSON about a rollout into one Snapshot. Pure; the domain judges it.

A deployment is ours when its JobSpecModifyIndex is our registration's JobModifyIndex. An evaluation's DeploymentID is
not enough, because it may name an older deployment (docs/nomad.md, section 8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.adapters.nomad.explain.allocations import failures
from app.adapters.nomad.follow.evaluations import Scheduling, scheduling, unplaced_of_deployment
from app.adapters.nomad.text import storable
from app.adapters.nomad.translate import FINISHED, completes, is_wanted, launches_later, reverted_to
from app.domain.deployment import AllocationState, DeploymentPhase, DeploymentState, Snapshot, WaitIndex
from app.domain.job import Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReads:
    """What was read for one snapshot. `versions` are read only when the job has changed since our registration.

    Evaluations are read before deployments: once our evaluation is complete, its deployment exists.
    """

    job: Mapping[str, Any]
    evaluations: Sequence[Mapping[str, Any]] = ()
    deployments: Sequence[Mapping[str, Any]] = ()
    allocations: Sequence[Mapping[str, Any]] = ()
    versions: Sequence[Mapping[str, Any]] = ()


def snapshot(reads: JobReads, submission: Submission) -> Snapshot:
    """The state of our registration, from everything that was read about the job."""
    version, ours = our_version(reads, submission), our_allocations(reads, submission)
    deployment = our_deployment(reads, submission)
    scheduled = scheduling(reads.evaluations, submission)
    stable = bool((version or {}).get("Stable")) and _is_settled(deployment, scheduled)
    evaluated = _evaluated(scheduled, known=bool(ours) or deployment is not None or stable, job=reads.job)
    return Snapshot(
        present=True,
        stopped=bool(reads.job.get("Stop")),
        index=reads.job["JobModifyIndex"],
        evaluated=evaluated,
        launches_later=launches_later(reads.job),
        completes=completes(reads.job),
        desired=_desired(version or {}, reads.allocations),
        per_node=(version or {}).get("Type") in ("system", "sysbatch"),
        stable=stable,
        lacks_placements=deployment is not None and is_active(deployment) and _waits_for_room(deployment),
        deployment=None if deployment is None else deployment_state(deployment),
        allocations=tuple(_allocation_state(each) for each in ours if is_wanted(each)),
        unplaced=(scheduled.unplaced if scheduled else "") or _unplaced(reads, deployment),
        failures=failures(ours, version),
        wait_index=_wait_index(reads, deployment, scheduled) if evaluated or scheduled else None,
    )


def snapshot_under_way(deployment: Mapping[str, Any], submission: Submission) -> Snapshot:
    """The state from our active deployment alone. A newer registration, or a stop, would have ended the deployment."""
    return Snapshot(
        present=True,
        index=submission.index,
        evaluated=True,
        lacks_placements=_waits_for_room(deployment),
        deployment=deployment_state(deployment),
        wait_index=_at(deployment),
    )


def our_version(reads: JobReads, submission: Submission) -> Mapping[str, Any] | None:
    """The job as we registered it; None when Nomad no longer keeps that version."""
    candidates = (reads.job, *reads.versions)
    return next((each for each in candidates if each.get("JobModifyIndex") == submission.index), None)


def our_deployment(reads: JobReads, submission: Submission) -> Mapping[str, Any] | None:
    """The deployment of our registration; the list has no order."""
    return next((d for d in reads.deployments if d.get("JobSpecModifyIndex") == submission.index), None)


def our_allocations(reads: JobReads, submission: Submission) -> list[Mapping[str, Any]]:
    """The allocations of our version, including those updated in place; none when the version is not known."""
    version, deployment = our_version(reads, submission), our_deployment(reads, submission)
    number = (version or deployment or {}).get("Version" if version else "JobVersion")
    return [each for each in reads.allocations if number is not None and (each.get("JobVersion") or 0) == number]


def is_active(deployment: Mapping[str, Any]) -> bool:
    """True if the deployment has not ended; an unknown status counts as active."""
    return deployment.get("Status") not in FINISHED


def is_troubled(deployment: Mapping[str, Any], *, has_changed: bool) -> bool:
    """True if an active deployment has a problem: an unhealthy allocation, or a group that lacks placements.

    A group lacks placements when it waits for some and none of its allocations is becoming healthy. That does not count
    right after a change.
    """
    if any(group.get("UnhealthyAllocs") for group in _groups(deployment)):
        return True
    return not has_changed and _waits_for_room(deployment)


def deployment_state(deployment: Mapping[str, Any]) -> DeploymentState:
    """A deployment with its groups' counts. An unknown status counts as active (docs/nomad.md, section 9)."""
    groups = _groups(deployment)
    description = storable(deployment.get("StatusDescription") or "")
    phase = _phase(deployment.get("Status") or "", description)
    return DeploymentState(
        deployment_id=storable(deployment["ID"]),
        phase=phase,
        description=description,
        desired=_total(groups, "DesiredTotal"),
        placed=_total(groups, "PlacedAllocs"),
        healthy=_total(groups, "HealthyAllocs"),
        unhealthy=_total(groups, "UnhealthyAllocs"),
        canaries=_total(groups, "DesiredCanaries"),
        awaits_promotion=phase is DeploymentPhase.ACTIVE and _awaits_promotion(groups),
        paused=deployment.get("Status") == "paused",
        reverted_to=reverted_to(description),
        deadline_passed=phase is DeploymentPhase.FAILED and "progress deadline" in description,
    )


def _wait_index(
    reads: JobReads, deployment: Mapping[str, Any] | None, scheduled: Scheduling | None
) -> WaitIndex | None:
    """Where to wait for the next change: the deployment, else the evaluation, else the allocations."""
    if deployment is not None:
        return _at(deployment) if is_active(deployment) else None
    if scheduled is not None and scheduled.wait_index is not None:
        return scheduled.wait_index
    if launches_later(reads.job) or not reads.allocations:
        return None  # the allocations of a purged job would never change
    return WaitIndex(subject="allocations", index=max(each.get("ModifyIndex") or 0 for each in reads.allocations))


def _at(deployment: Mapping[str, Any]) -> WaitIndex:
    return WaitIndex(subject=storable(f"deployment/{deployment['ID']}"), index=deployment.get("ModifyIndex") or 0)


def _waits_for_room(deployment: Mapping[str, Any]) -> bool:
    return deployment.get("Status") == "running" and any(_lacks_placements(each) for each in _groups(deployment))


def _unplaced(reads: JobReads, deployment: Mapping[str, Any] | None) -> str:
    return "" if deployment is None else unplaced_of_deployment(reads.evaluations, deployment)


def _lacks_placements(group: Mapping[str, Any]) -> bool:
    placed, settled = (
        group.get("PlacedAllocs") or 0,
        _total([group], "HealthyAllocs") + _total([group], "UnhealthyAllocs"),
    )
    canaries = group.get("DesiredCanaries") or 0
    desired = canaries if canaries and not group.get("Promoted") else group.get("DesiredTotal") or 0
    return placed < desired and placed <= settled


def _is_settled(deployment: Mapping[str, Any] | None, scheduled: Scheduling | None) -> bool:
    """True if Stable can be trusted: a version that auto-revert registers has the mark before its deployment begins."""
    if deployment is not None:
        return not is_active(deployment)
    return scheduled is None or scheduled.done


def _evaluated(scheduled: Scheduling | None, *, known: bool, job: Mapping[str, Any]) -> bool:
    """True if the scheduler is done or has nothing to do. An evaluation that was collected is done."""
    if scheduled is not None:
        return scheduled.done
    return known or launches_later(job) or job.get("Status") == "dead"


def _phase(status: str, description: str) -> DeploymentPhase:
    if status == "cancelled":
        return DeploymentPhase.STOPPED if "job is stopped" in description else DeploymentPhase.REPLACED
    return {"successful": DeploymentPhase.SUCCESSFUL, "failed": DeploymentPhase.FAILED}.get(
        status, DeploymentPhase.ACTIVE
    )


def _awaits_promotion(groups: Sequence[Mapping[str, Any]]) -> bool:
    """True if all canaries are healthy and a person must promote them."""
    canaries = [each for each in groups if each.get("DesiredCanaries") and not each.get("Promoted")]
    by_person = any(not each.get("AutoPromote") for each in canaries)
    return by_person and all((each.get("HealthyAllocs") or 0) >= each["DesiredCanaries"] for each in canaries)


def _groups(deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((deployment.get("TaskGroups") or {}).values())


def _total(groups: Sequence[Mapping[str, Any]], key: str) -> int:
    return sum(group.get(key) or 0 for group in groups)


def _desired(version: Mapping[str, Any], allocations: Sequence[Mapping[str, Any]]) -> int:
    """How many allocations should run: the groups' counts; for system jobs one for each node that has any."""
    if version.get("Type") in ("system", "sysbatch"):
        return len({(each.get("NodeID"), each.get("TaskGroup")) for each in allocations if is_wanted(each)})
    return _total(version.get("TaskGroups") or (), "Count")


def _allocation_state(allocation: Mapping[str, Any]) -> AllocationState:
    status = allocation.get("ClientStatus") or "unknown"
    states = (allocation.get("TaskStates") or {}).values()
    starts = [_seconds(state.get("StartedAt")) for state in states if state.get("State") == "running"]
    since = max(starts, default=0.0) if status == "running" else 0.0
    return AllocationState(allocation_id=allocation["ID"], status=status, started=since or None)


def _seconds(text: str | None) -> float:
    """Unix seconds of an RFC 3339 time; 0.0 for none and for Go's zero time."""
    if not text or text.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(text).timestamp()
