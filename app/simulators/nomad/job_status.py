"""Whether a job is pending, running or dead: Nomad's getJobStatus. (docs/nomad.md, section 4)"""

from __future__ import annotations

from app.simulators.nomad.release import SimulatedVersion
from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.world import World


def refresh(world: World, namespace: str, job_id: str) -> None:
    """Compute a job's status again. A change sets its ModifyIndex to the present index."""
    record = world.jobs.get((namespace, job_id))
    if record is None:
        return
    status = _status(record, world.release)
    if status != record.current["Status"]:
        world.replace_job(record, Status=status)


def _status(record: JobRecord, release: SimulatedVersion) -> str:
    job = record.current
    standing = job["Type"] == "system" or job["Periodic"] or (job["ParameterizedJob"] and not job["Dispatched"])
    if standing:
        return "dead" if job["Stop"] else "running"
    if any(not allocation.terminal for allocation in reversed(record.allocations.values())):
        return "running"
    deployment = record.latest_deployment
    if release.deployments_keep_running and deployment is not None and deployment.active:
        return "running"
    if any(not evaluation.terminal for evaluation in reversed(record.evaluations.values())):
        return "pending"
    return "dead" if job["Stop"] or record.evaluations or record.allocations else "pending"
