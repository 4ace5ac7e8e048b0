"""The scheduler: processes an evaluation. (docs/nomad.md, section 8)

It plans with reconcile.py, applies the plan at one index, and ends the evaluation at the next. It does not handle
health and deadlines.
"""

from __future__ import annotations

from functools import partial

from app.simulators.nomad import deployments, evaluations, job_status, placement, room
from app.simulators.nomad.evaluation_faults import EvaluationFault, end_by_fault
from app.simulators.nomad.outcome import plan_annotations, unplaced_metric
from app.simulators.nomad.reconcile import DesiredGroup, GroupPlan, plan_group, takes_deployment
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import Deployment, Evaluation, JobRecord, Progress
from app.simulators.nomad.world import World, new_id


def process(world: World, evaluation: Evaluation) -> None:
    """Process one evaluation to its end. Without its job it completes and changes nothing else."""
    if evaluation.terminal:
        return
    evaluation.snapshot_index = world.index
    record = world.jobs.get((evaluation.namespace, evaluation.job_id))
    fault = _take_fault(world, evaluation)
    if record is not None and fault is not None:
        end_by_fault(world, record, evaluation, fault)
        return
    if record is None:
        world.commit()
    elif record.current["Stop"]:
        _stop_everything(world, record)
        world.commit()
        evaluation.queued = {group["Name"]: 0 for group in record.current["TaskGroups"]}
        _conclude(record, evaluation, [])
    else:
        _reconcile(world, record, evaluation)
    evaluation.status = "complete"
    world.stamp(evaluation)
    if not evaluation.failed_groups:
        evaluations.succeeded(world, evaluation)
    job_status.refresh(world, evaluation.namespace, evaluation.job_id)


def _take_fault(world: World, evaluation: Evaluation) -> EvaluationFault | None:
    planned = next((each for each in world.evaluation_faults if each[0] == evaluation.job_id), None)
    if planned is None:
        return None
    world.evaluation_faults.remove(planned)
    return EvaluationFault(planned[1])


def _reconcile(world: World, record: JobRecord, evaluation: Evaluation) -> None:
    job = record.current
    latest = record.latest_deployment
    own = latest if latest is not None and latest.job_version == job["Version"] else None
    plans = plan_job(world, record, job, own)
    for plan in plans:
        room.leave_homeless(world, job, plan)
    unplaceable = {p.name: _to_place(p) for p in plans if room.shortage(world, job, p.name) is not None}
    superseded = latest is not None and latest.active and own is None
    deployable = own is None and any(_deployed(world, job, p) for p in plans)
    acting = any(p.acts and (p.name not in unplaceable or p.stop or p.in_place) for p in plans)
    done = own is not None and own.status == "running" and _all_healthy(own) and not any(p.unfinished for p in plans)
    if superseded or deployable or acting or done:
        world.commit()
        if superseded and latest is not None:
            deployments.end(world, latest, "cancelled", "Cancelled due to newer version of job")
        if deployable:
            own = _open_deployment(world, record, plans)
        for plan in plans:
            placement.apply(world, record, evaluation, plan, own, placeable=plan.name not in unplaceable)
        if own is not None and not done:
            world.stamp(own)
        if done and own is not None:
            _succeed(world, record, own)
        job_status.refresh(world, record.namespace, record.id)
    failed = unplaced(world, job, plans)
    if failed:
        world.commit()
        evaluation.failed_groups = failed
        evaluation.blocked_eval = evaluations.block(world, evaluation, failed).id
    world.commit()
    evaluation.queued = {p.name: unplaceable.get(p.name, len(p.homeless)) for p in plans}
    _conclude(record, evaluation, plans)


def plan_job(world: World, record: JobRecord, job: Json, own: Deployment | None) -> list[GroupPlan]:
    """The plans of all groups, including groups that the job no longer has."""
    everything = list(record.allocations.values())
    deploys = world.release.deploys(job)
    plans = []
    for group in job["TaskGroups"]:
        of_group = [a for a in everything if a.group == group["Name"]]
        desired = DesiredGroup(count=_count(world, job, group), deployed=deploys and takes_deployment(group), own=own)
        plans.append(plan_group(job, group, of_group, desired))
    known = {plan.name for plan in plans}
    for removed in dict.fromkeys(a.group for a in everything if a.group not in known and a.desired_status == "run"):
        plans.append(
            GroupPlan(name=removed, stop=[a for a in everything if a.group == removed and a.desired_status == "run"])
        )
    return plans


def _count(world: World, job: Json, group: Json) -> int:
    """The number of allocations of a group: its count, or one on each node."""
    count: int = group["Count"]
    return min(count, 1) * len(world.nodes) if job["Type"] in ("system", "sysbatch") else count


def _deployed(world: World, job: Json, plan: GroupPlan) -> bool:
    return bool(plan.total) and world.release.deploys(job) and takes_deployment(_group(job, plan.name))


def _open_deployment(world: World, record: JobRecord, plans: list[GroupPlan]) -> Deployment:
    job = record.current
    deployment = Deployment(
        id=new_id(),
        namespace=record.namespace,
        job_id=record.id,
        job_version=job["Version"],
        job_modify_index=job["JobModifyIndex"],
        job_spec_modify_index=job["JobModifyIndex"],
        job_create_index=job["CreateIndex"],
        priority=job["Priority"],
    )
    for plan in plans:
        group = _group(job, plan.name)
        if _deployed(world, job, plan):
            update = group["Update"]
            deployment.groups[plan.name] = Progress(
                auto_revert=update["AutoRevert"], auto_promote=update["AutoPromote"], desired_total=plan.total,
                progress_deadline=update["ProgressDeadline"], desired_canaries=plan.desired_canaries,
            )  # fmt: skip
    canaries = [p for p in deployment.groups.values() if p.desired_canaries]
    if canaries:
        automatic = all(p.auto_promote for p in canaries)
        deployment.description = deployments.AUTO_PROMOTION if automatic else deployments.NEEDS_PROMOTION
    world.add(deployment)
    return deployment


def _stop_everything(world: World, record: JobRecord) -> None:
    running = [a for a in record.allocations.values() if a.desired_status == "run" and not a.terminal]
    latest = record.latest_deployment
    if not running and not (latest and latest.active):
        return
    world.commit()
    for allocation in running:
        placement.stop(world, allocation, placement.NOT_NEEDED)
    if latest is not None and latest.active:
        deployments.end(world, latest, "cancelled", "Cancelled because job is stopped")


def _succeed(world: World, record: JobRecord, deployment: Deployment) -> None:
    for allocation in record.allocations.values():
        if allocation.deployment_id == deployment.id:
            allocation.canary = False
    world.replace_job(record, Stable=True)
    deployments.end(world, deployment, "successful", "Deployment completed successfully")


def _all_healthy(deployment: Deployment) -> bool:
    return all(
        p.healthy >= max(p.desired_total, p.desired_canaries) and (p.promoted or not p.desired_canaries)
        for p in deployment.groups.values()
    )


def unplaced(world: World, job: Json, plans: list[GroupPlan]) -> Json | None:
    """The AllocMetric of each group that cannot be placed; None if all can."""
    found = {}
    for plan in plans:
        why, count = room.shortage(world, job, plan.name), _to_place(plan) + len(plan.homeless)
        if why is None:
            why, count = room.DISTINCT, len(plan.homeless)
        if count:
            metric = unplaced_metric(why, count=count, nodes=len(world.eligible), memory=_memory(job, plan.name))
            found[plan.name] = world.release.metric(metric)
    return found or None


def _memory(job: Json, group: str) -> dict[str, int]:
    return {task["Name"]: task["Resources"]["MemoryMB"] for task in _group(job, group).get("Tasks") or ()}


def _to_place(plan: GroupPlan) -> int:
    return len(plan.place) + len(plan.canaries) + len(plan.destructive)


def _conclude(record: JobRecord, evaluation: Evaluation, plans: list[GroupPlan]) -> None:
    latest = record.latest_deployment
    if latest is not None:
        evaluation.deployment_id = latest.id
    evaluation.annotations = plan_annotations(record.current, plans)


def _group(job: Json, name: str) -> Json:
    return next((g for g in job["TaskGroups"] if g["Name"] == name), {"Count": 0, "Update": None})


def retry_blocked(world: World) -> None:
    """Process blocked evaluations again, since there may be room now."""
    for evaluation in [e for e in world.evaluations.values() if e.status == "blocked"]:
        world.timeline.after(world.timing.evaluation, partial(process, world, evaluation))
