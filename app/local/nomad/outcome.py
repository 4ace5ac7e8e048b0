"""Answers: how does an evaluation report what its plan did, and what it could not place?"""

from __future__ import annotations

from app.local.nomad.reconcile import GroupPlan
from app.local.nomad.refusal import Json


def plan_annotations(job: Json, plans: list[GroupPlan]) -> Json:
    desired = {plan.name: _desired(plan, job) for plan in plans}
    for group in job["TaskGroups"] or ():
        desired.setdefault(group["Name"], _desired(GroupPlan(name=group["Name"]), job))
    return {"DesiredTGUpdates": desired, "PreemptedAllocs": None}


def _desired(plan: GroupPlan, job: Json) -> dict[str, int]:
    """The system scheduler counts a replacement as a placement too."""
    also_placed = len(plan.destructive) if job["Type"] == "system" else 0
    return {
        "Canary": len(plan.canaries), "DestructiveUpdate": len(plan.destructive), "Disconnect": 0,
        "Ignore": plan.ignore,
        "InPlaceUpdate": len(plan.in_place), "Migrate": 0, "Place": len(plan.place) + also_placed, "Preemptions": 0,
        "Reconnect": 0, "RescheduleLater": 0, "RescheduleNow": 0, "Stop": len(plan.stop),
    }  # fmt: skip


def unplaced_metric(count: int) -> Json:
    """An AllocMetric: the one node lacks the driver; `CoalescedFailures` counts the allocations beyond the first."""
    return {
        "AllocationTime": 12345, "ClassExhausted": None, "ClassFiltered": None, "CoalescedFailures": count - 1,
        "ConstraintFiltered": {"missing drivers": 1}, "DimensionExhausted": None, "NodePool": "default",
        "NodesAvailable": {"dc1": 1}, "NodesEvaluated": 1, "NodesExhausted": 0, "NodesFiltered": 1, "NodesInPool": 1,
        "QuotaExhausted": None, "ResourcesExhausted": None, "ScoreMetaData": None, "Scores": None,
    }  # fmt: skip
