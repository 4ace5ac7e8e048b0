"""Applies a group's plan at the present index: places, replaces, updates in place and stops allocations.

client.py simulates the clients' work that follows.
"""

from __future__ import annotations

from app.simulators.nomad import client, deployments
from app.simulators.nomad.reconcile import GroupPlan
from app.simulators.nomad.tables import Allocation, Deployment, Evaluation, JobRecord
from app.simulators.nomad.world import World, new_id

UPDATED = "alloc is being updated due to job update"
NOT_NEEDED = "alloc not needed due to job update"


def apply(
    world: World, record: JobRecord, evaluation: Evaluation, plan: GroupPlan, own: Deployment | None, *, placeable: bool
) -> None:
    """Apply one group's plan. `own` is this version's deployment; `placeable`: there is room for allocations."""
    deployment = own if own is not None and plan.name in own.groups else None
    for allocation in plan.stop:
        stop(world, allocation, NOT_NEEDED)
    for allocation in plan.in_place:
        _update_in_place(world, record, allocation, deployment)
    if not placeable:
        return
    new = [_place(world, record, evaluation, plan.name, position, deployment) for position in plan.place]
    for position in plan.canaries:
        canary = _place(world, record, evaluation, plan.name, position, deployment)
        canary.canary = True
        new.append(canary)
        if deployment is not None:
            deployment.groups[plan.name].placed_canaries.append(canary.id)
    for old in plan.destructive:
        stop(world, old, UPDATED)
        successor = _place(world, record, evaluation, plan.name, old.position, deployment)
        successor.previous, old.next = old.id, successor.id
        new.append(successor)
    if deployment is not None and (new or plan.in_place):
        progress = deployment.groups[plan.name]
        progress.placed += len(new) + len(plan.in_place)
        if progress.require_progress_by is None:
            deployments.extend(world, deployment, progress)


def _place(
    world: World, record: JobRecord, evaluation: Evaluation, group: str, position: int, deployment: Deployment | None
) -> Allocation:
    allocation = Allocation(
        id=new_id(), namespace=record.namespace, job_id=record.id, job=record.current, group=group, position=position,
        eval_id=evaluation.id, deployment_id=deployment.id if deployment is not None else "",
        node=world.eligible[position % len(world.eligible)],
    )  # fmt: skip
    world.add(allocation)
    client.place(world, allocation)
    return allocation


def _update_in_place(world: World, record: JobRecord, allocation: Allocation, deployment: Deployment | None) -> None:
    allocation.job = record.current
    allocation.deployment_id = deployment.id if deployment is not None else ""
    allocation.healthy, allocation.health_time, allocation.canary = None, None, False
    world.stamp(allocation)
    if deployment is not None and allocation.client_status == "running":
        client.watch_health(world, allocation)


def stop(world: World, allocation: Allocation, why: str) -> None:
    allocation.desired_status, allocation.desired_description = "stop", why
    world.stamp(allocation)
    client.stop(world, allocation)
