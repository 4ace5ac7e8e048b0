"""Creates evaluations, and passes each to the scheduler when it is due."""

from __future__ import annotations

from app.simulators.nomad import job_status
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import Deployment, Evaluation, JobRecord
from app.simulators.nomad.world import World, new_id


def create(
    world: World,
    record: JobRecord,
    trigger: str,
    *,
    deployment: Deployment | None = None,
    registered: bool = False,
    after: float | None = None,
) -> Evaluation:
    """Create a pending evaluation at the present index. It is processed after `timing.evaluation`, or `after` seconds.

    `registered`: it is for a new version of the job.
    """
    job = record.current
    evaluation = Evaluation(
        id=new_id(),
        namespace=record.namespace,
        job_id=record.id,
        type=job["Type"],
        priority=job["Priority"],
        triggered_by=trigger,
        job_modify_index=job["JobModifyIndex"] if registered else 0,
        deployment_id=deployment.id if deployment is not None else "",
    )
    world.add(evaluation)
    job_status.refresh(world, record.namespace, record.id)
    world.timeline.after(world.timing.evaluation if after is None else after, lambda: world.process(evaluation))
    return evaluation


def block(world: World, parent: Evaluation, failed_groups: Json) -> Evaluation:
    """Create the blocked evaluation that waits for room for the allocations that `parent` could not place."""
    blocked = would_block(parent, failed_groups)
    world.add(blocked)
    _cancel_blocked(world, parent, f'existing blocked evaluation exists for job "{parent.job_id}"', but=blocked)
    return blocked


def succeeded(world: World, evaluation: Evaluation) -> None:
    """Cancel the blocked evaluations of a job after everything was placed."""
    _cancel_blocked(world, evaluation, f'evaluation "{evaluation.id}" successful', but=evaluation)


def _cancel_blocked(world: World, evaluation: Evaluation, why: str, *, but: Evaluation) -> None:
    record = world.jobs.get((evaluation.namespace, evaluation.job_id))
    for each in record.evaluations.values() if record is not None else ():
        if each.status == "blocked" and each is not evaluation and each is not but:
            each.status, each.description = "canceled", why
            world.stamp(each)


def would_block(parent: Evaluation, failed_groups: Json) -> Evaluation:
    """The blocked evaluation of `block`, not stored: for the reply to a plan."""
    return Evaluation(
        id=new_id(),
        namespace=parent.namespace,
        job_id=parent.job_id,
        type=parent.type,
        priority=parent.priority,
        triggered_by="queued-allocs",
        status="blocked",
        description="created to place remaining allocations",
        previous_eval=parent.id,
        job_modify_index=parent.job_modify_index,
        snapshot_index=parent.snapshot_index,
        failed_groups=failed_groups,
    )
