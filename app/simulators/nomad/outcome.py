"""How an evaluation reports the changes of its plan, and the allocations that it could not place."""

from __future__ import annotations

from collections.abc import Mapping

from app.simulators.nomad.defaults import RESOURCES
from app.simulators.nomad.reconcile import GroupPlan
from app.simulators.nomad.refusal import Json

DIMENSIONS = ("cpu", "memory", "disk", "cores")


def plan_annotations(job: Json, plans: list[GroupPlan]) -> Json:
    desired = {plan.name: _desired(plan, job) for plan in plans}
    for group in job["TaskGroups"] or ():
        desired.setdefault(group["Name"], _desired(GroupPlan(name=group["Name"]), job))
    return {"DesiredTGUpdates": desired, "PreemptedAllocs": None}


def _desired(plan: GroupPlan, job: Json) -> dict[str, int]:
    """The counts of one group. The system scheduler counts a replacement as a placement, too."""
    also_placed = len(plan.destructive) if job["Type"] == "system" else 0
    return {
        "Canary": len(plan.canaries), "DestructiveUpdate": len(plan.destructive), "Disconnect": 0,
        "Ignore": plan.ignore,
        "InPlaceUpdate": len(plan.in_place), "Migrate": 0, "Place": len(plan.place) + len(plan.homeless) + also_placed,
        "Preemptions": 0,
        "Reconnect": 0, "RescheduleLater": 0, "RescheduleNow": 0, "Stop": len(plan.stop),
    }  # fmt: skip


def placed_metric() -> Json:
    """The AllocMetric of a placed allocation."""
    return {**unplaced_metric("", count=1, nodes=1), "ConstraintFiltered": None, "NodesFiltered": 0}


def unplaced_metric(why: str, *, count: int, nodes: int, memory: Mapping[str, int] | None = None) -> Json:
    """The AllocMetric of allocations without a node. Every node lacks a dimension, or fails the constraint `why`.

    "" means that the driver is missing. `CoalescedFailures` counts the allocations after the first. `memory` is each
    task's, in MB.
    """
    exhausted = why in DIMENSIONS
    return {
        "AllocationTime": 12345, "ClassExhausted": None, "ClassFiltered": None, "CoalescedFailures": count - 1,
        "ConstraintFiltered": None if exhausted else {why or "missing drivers": nodes},
        "DimensionExhausted": {why: nodes} if exhausted else None, "NodePool": "default",
        "NodesAvailable": {"dc1": nodes}, "NodesEvaluated": nodes, "NodesExhausted": nodes if exhausted else 0,
        "NodesFiltered": 0 if exhausted else nodes, "NodesInPool": nodes,
        "QuotaExhausted": None, "ResourcesExhausted": _exhausted(memory or {}) if why == "memory" else None,
        "ScoreMetaData": None, "Scores": None,
    }  # fmt: skip


def _exhausted(memory: Mapping[str, int]) -> Json | None:
    nothing = dict.fromkeys(RESOURCES, 0) | dict.fromkeys(("Devices", "NUMA", "Networks"))
    return {task: {**nothing, "MemoryMB": megabytes} for task, megabytes in memory.items()} or None
