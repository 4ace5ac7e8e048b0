"""Garbage collection, as by `nomad system gc`. (docs/nomad.md, section 13)

A job that is dead and stopped is deleted with everything. Of other jobs, terminal evaluations, deployments and
allocations are deleted, unless an allocation that still runs belongs to them. Versions and Stable stay.
"""

from __future__ import annotations

from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.world import ROW_TABLES, World


def collect(world: World) -> None:
    """Delete what is terminal, at a new index."""
    world.commit()
    for (namespace, job_id), record in list(world.jobs.items()):
        _collect_rows(world, record)
        if record.current["Stop"] and record.current["Status"] == "dead":
            del world.jobs[namespace, job_id]
    world.touch(*ROW_TABLES)


def forget_deployment(world: World, deployment_id: str) -> None:
    """Delete one deployment although its allocations run, as Nomad does after its hour of retention."""
    deployment = world.deployments.pop(deployment_id, None)
    if deployment is not None:
        world.commit()
        record = world.jobs.get((deployment.namespace, deployment.job_id))
        if record is not None:
            record.deployments.pop(deployment_id, None)
        world.touch("deployments")


def forget_evaluation(world: World, evaluation_id: str) -> None:
    """Delete one evaluation in any state."""
    evaluation = world.evaluations.pop(evaluation_id, None)
    if evaluation is not None:
        world.commit()
        record = world.jobs.get((evaluation.namespace, evaluation.job_id))
        if record is not None:
            record.evaluations.pop(evaluation_id, None)
        world.touch("evaluations")


def _collect_rows(world: World, record: JobRecord) -> None:
    for allocation in [a for a in record.allocations.values() if a.terminal]:
        del record.allocations[allocation.id]
        world.allocations.pop(allocation.id, None)
    standing = record.allocations.values()
    deployments = {a.deployment_id for a in standing}
    evaluations = {a.eval_id for a in standing}
    for deployment in [d for d in record.deployments.values() if d.terminal and d.id not in deployments]:
        del record.deployments[deployment.id]
        world.deployments.pop(deployment.id, None)
    for evaluation in [e for e in record.evaluations.values() if e.terminal and e.id not in evaluations]:
        del record.evaluations[evaluation.id]
        world.evaluations.pop(evaluation.id, None)
