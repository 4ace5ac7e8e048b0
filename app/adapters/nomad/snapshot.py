"""Nomad's JSON about a rollout -> one Snapshot. Pure; it names facts and leaves the verdict to the domain's `judge`.

A deployment is ours exactly when its JobSpecModifyIndex is our registration's JobModifyIndex: an evaluation's
DeploymentID may name an older one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.adapters.nomad.evaluations import Scheduling, scheduling
from app.adapters.nomad.explain import failures
from app.adapters.nomad.translate import launches_later
from app.domain.job import AllocationState, DeploymentPhase, DeploymentState, Snapshot, Submission

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
    """How our registration goes, from one sighting."""
    version = _our_version(seen, submission)
    deployment = next((d for d in seen.deployments if d.get("JobSpecModifyIndex") == submission.index), None)
    number = (version or deployment or {}).get("Version" if version else "JobVersion")
    ours = [each for each in seen.allocations if number is not None and (each.get("JobVersion") or 0) == number]
    scheduled = scheduling(seen.evaluations, submission)
    stable = bool((version or {}).get("Stable"))
    return Snapshot(
        present=True,
        stopped=bool(seen.job.get("Stop")),
        index=seen.job["JobModifyIndex"],
        evaluated=_evaluated(scheduled, known=bool(ours) or deployment is not None or stable, job=seen.job),
        launches_later=launches_later(seen.job),
        runs_to_completion=seen.job.get("Type") in ("batch", "sysbatch"),
        desired=_desired(version or {}, seen.allocations),
        stable=stable,
        deployment=None if deployment is None else deployment_state(deployment),
        allocations=tuple(_allocation_state(each) for each in ours if _counts(each)),
        unplaced=scheduled.unplaced if scheduled else "",
        failures=failures(ours),
    )


def deployment_state(deployment: Mapping[str, Any]) -> DeploymentState:
    """One deployment with the counts of all its groups; statuses as in nomad.md 2.4, unknown ones are active."""
    groups = list((deployment.get("TaskGroups") or {}).values())
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
        awaits_promotion=phase is DeploymentPhase.ACTIVE and _awaits_promotion(groups),
        paused=deployment.get("Status") == "paused",
        reverted_to=int(reverted[1]) if reverted else None,
    )


def _our_version(seen: Sighting, submission: Submission) -> Mapping[str, Any] | None:
    candidates = (seen.job, *seen.versions)
    return next((each for each in candidates if each.get("JobModifyIndex") == submission.index), None)


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
