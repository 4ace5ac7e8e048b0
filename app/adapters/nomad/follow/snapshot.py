"""Nomad's JSON about a rollout -> one Snapshot. Pure; it names facts and leaves the verdict to the domain's `judge`.

A deployment is ours exactly when its JobSpecModifyIndex is our registration's JobModifyIndex: an evaluation's
DeploymentID may name an older one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.adapters.nomad.explain.allocations import failures
from app.adapters.nomad.follow.evaluations import Scheduling, scheduling
from app.adapters.nomad.translate import FINISHED, launches_later
from app.domain.job import AllocationState, DeploymentPhase, DeploymentState, Snapshot, Submission, WaitIndex

_ROLLED_BACK = re.compile(r"(?<!not )rolling back to job version (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What was read for one look; `versions` only where the job moved on since our registration.

    The evaluations are read before the deployments: once ours is complete, its deployment is there to be seen.
    """

    job: Mapping[str, Any]
    evaluations: Sequence[Mapping[str, Any]] = ()
    deployments: Sequence[Mapping[str, Any]] = ()
    allocations: Sequence[Mapping[str, Any]] = ()
    versions: Sequence[Mapping[str, Any]] = field(default=())


def snapshot(seen: Sighting, submission: Submission) -> Snapshot:
    """How our registration goes, from one sighting of the whole job."""
    version, ours = our_version(seen, submission), our_allocations(seen, submission)
    deployment = our_deployment(seen, submission)
    scheduled = scheduling(seen.evaluations, submission)
    stable = bool((version or {}).get("Stable")) and _is_settled(deployment, scheduled)
    evaluated = _evaluated(scheduled, known=bool(ours) or deployment is not None or stable, job=seen.job)
    return Snapshot(
        present=True,
        stopped=bool(seen.job.get("Stop")),
        index=seen.job["JobModifyIndex"],
        evaluated=evaluated,
        launches_later=launches_later(seen.job),
        runs_to_completion=seen.job.get("Type") in ("batch", "sysbatch"),
        desired=_desired(version or {}, seen.allocations),
        stable=stable,
        deployment=None if deployment is None else deployment_state(deployment),
        allocations=tuple(_allocation_state(each) for each in ours if _counts(each)),
        unplaced=scheduled.unplaced if scheduled else "",
        failures=failures(ours, version),
        wait_index=_wait_index(seen, deployment, scheduled) if evaluated or scheduled else None,
    )


def snapshot_under_way(deployment: Mapping[str, Any], submission: Submission) -> Snapshot:
    """How it goes while our deployment is active, from that alone: a newer registration, or a stop, would end it."""
    return Snapshot(
        present=True,
        index=submission.index,
        evaluated=True,
        deployment=deployment_state(deployment),
        wait_index=_at(deployment),
    )


def our_version(seen: Sighting, submission: Submission) -> Mapping[str, Any] | None:
    """The job as we registered it; None when Nomad keeps it no more."""
    candidates = (seen.job, *seen.versions)
    return next((each for each in candidates if each.get("JobModifyIndex") == submission.index), None)


def our_deployment(seen: Sighting, submission: Submission) -> Mapping[str, Any] | None:
    """The deployment of our registration, in whatever order they are listed."""
    return next((d for d in seen.deployments if d.get("JobSpecModifyIndex") == submission.index), None)


def our_allocations(seen: Sighting, submission: Submission) -> list[Mapping[str, Any]]:
    """The allocations of our version, those that were updated in place included; none when it is not known."""
    version, deployment = our_version(seen, submission), our_deployment(seen, submission)
    number = (version or deployment or {}).get("Version" if version else "JobVersion")
    return [each for each in seen.allocations if number is not None and (each.get("JobVersion") or 0) == number]


def is_active(deployment: Mapping[str, Any]) -> bool:
    """Whether the deployment is not over; a status that we do not know counts as not over."""
    return deployment.get("Status") not in FINISHED


def is_troubled(deployment: Mapping[str, Any], *, has_moved: bool) -> bool:
    """Whether something is wrong with an active deployment: an unhealthy allocation, or, where it has not moved just
    now, a group that waits for placements while nothing of it is on the way to being healthy."""
    groups = _groups(deployment)
    if any(group.get("UnhealthyAllocs") for group in groups):
        return True
    return not has_moved and deployment.get("Status") == "running" and any(_lacks_placements(each) for each in groups)


def deployment_state(deployment: Mapping[str, Any]) -> DeploymentState:
    """One deployment with the counts of all its groups; statuses as in nomad.md 2.4, unknown ones are active."""
    groups = _groups(deployment)
    description = deployment.get("StatusDescription") or ""
    phase = _phase(deployment.get("Status") or "", description)
    reverted = _ROLLED_BACK.search(description)
    return DeploymentState(
        deployment_id=deployment["ID"],
        phase=phase,
        description=description,
        desired=_total(groups, "DesiredTotal"),
        placed=_total(groups, "PlacedAllocs"),
        healthy=_total(groups, "HealthyAllocs"),
        unhealthy=_total(groups, "UnhealthyAllocs"),
        canaries=_total(groups, "DesiredCanaries"),
        awaits_promotion=phase is DeploymentPhase.ACTIVE and _awaits_promotion(groups),
        paused=deployment.get("Status") == "paused",
        reverted_to=int(reverted[1]) if reverted else None,
    )


def _wait_index(seen: Sighting, deployment: Mapping[str, Any] | None, scheduled: Scheduling | None) -> WaitIndex | None:
    """What would change next: the deployment, the scheduler's work, or the allocations of a job that has neither."""
    if deployment is not None:
        return _at(deployment) if is_active(deployment) else None
    if scheduled is not None and scheduled.wait_index is not None:
        return scheduled.wait_index
    if launches_later(seen.job) or not seen.allocations:
        return None  # allocations that were taken away with a purged job would never move
    seen_to = max(each.get("ModifyIndex") or 0 for each in seen.allocations)
    return WaitIndex(subject="allocations", index=max(seen_to, seen.job["JobModifyIndex"]))


def _at(deployment: Mapping[str, Any]) -> WaitIndex:
    return WaitIndex(subject=f"deployment/{deployment['ID']}", index=deployment.get("ModifyIndex") or 0)


def _lacks_placements(group: Mapping[str, Any]) -> bool:
    placed, settled = (
        group.get("PlacedAllocs") or 0,
        _total([group], "HealthyAllocs") + _total([group], "UnhealthyAllocs"),
    )
    canaries = group.get("DesiredCanaries") or 0
    wanted = canaries if canaries and not group.get("Promoted") else group.get("DesiredTotal") or 0
    return placed < wanted and placed <= settled


def _is_settled(deployment: Mapping[str, Any] | None, scheduled: Scheduling | None) -> bool:
    """Whether Stable can be meant: what an auto-revert registers inherits it, and its deployment is yet to come."""
    if deployment is not None:
        return not is_active(deployment)
    return scheduled is None or scheduled.done


def _evaluated(scheduled: Scheduling | None, *, known: bool, job: Mapping[str, Any]) -> bool:
    """Whether the scheduler is done, or has nothing to do; an evaluation that is gone was done long ago."""
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
    """Canaries are healthy and a person must promote: nothing else will move this deployment."""
    canaries = [each for each in groups if each.get("DesiredCanaries") and not each.get("Promoted")]
    by_hand = any(not each.get("AutoPromote") for each in canaries)
    return by_hand and all((each.get("HealthyAllocs") or 0) >= each["DesiredCanaries"] for each in canaries)


def _groups(deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((deployment.get("TaskGroups") or {}).values())


def _total(groups: Sequence[Mapping[str, Any]], key: str) -> int:
    return sum(group.get(key) or 0 for group in groups)


def _desired(version: Mapping[str, Any], allocations: Sequence[Mapping[str, Any]]) -> int:
    """How many allocations should run: the counts, and for system jobs one for each node that has any."""
    if version.get("Type") in ("system", "sysbatch"):
        return len({(each.get("NodeID"), each.get("TaskGroup")) for each in allocations if _counts(each)})
    return _total(version.get("TaskGroups") or (), "Count")


def _counts(allocation: Mapping[str, Any]) -> bool:
    """Whether the allocation stands for itself: one that was replaced or told to stop says nothing any more."""
    return allocation.get("DesiredStatus") == "run" and not allocation.get("NextAllocation")


def _allocation_state(allocation: Mapping[str, Any]) -> AllocationState:
    status = allocation.get("ClientStatus") or "unknown"
    states = (allocation.get("TaskStates") or {}).values()
    starts = [_seconds(state.get("StartedAt")) for state in states if state.get("State") == "running"]
    since = max(starts, default=0.0) if status == "running" else 0.0
    return AllocationState(allocation_id=allocation["ID"], status=status, running_since=since or None)


def _seconds(text: str | None) -> float:
    """RFC 3339 as Go writes it; 0.0 for none and for Go's zero time."""
    if not text or text.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(text).timestamp()
