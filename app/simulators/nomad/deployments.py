"""The course of a deployment: progress, health, deadline, promotion, failure, revert. (docs/nomad.md, section 9)"""

from __future__ import annotations

from app.simulators.nomad import evaluations, versions
from app.simulators.nomad.refusal import Refused, invalid
from app.simulators.nomad.specification import same_specification
from app.simulators.nomad.tables import Allocation, Deployment, Evaluation, JobRecord, Progress
from app.simulators.nomad.world import World

RUNNING = "Deployment is running"
NEEDS_PROMOTION = "Deployment is running but requires manual promotion"
AUTO_PROMOTION = "Deployment is running pending automatic promotion"


def allocation_healthy(world: World, allocation: Allocation) -> None:
    """Count an allocation that became healthy (already stamped), extend the deadline, call the watcher."""
    deployment = world.deployments.get(allocation.deployment_id)
    if deployment is None or not deployment.active:
        return
    progress = deployment.groups[allocation.group]
    progress.healthy += 1
    extend(world, deployment, progress)
    world.stamp(deployment)
    awaited = progress.desired_canaries if progress.auto_promote and not progress.promoted else 0
    if awaited and _canaries_healthy(world, progress) >= awaited:
        _promote(world, deployment, list(deployment.groups.values()))
    _watch(world, deployment)


def allocation_unhealthy(world: World, allocation: Allocation) -> None:
    """Count an allocation that became unhealthy.

    The deployment fails at once if nothing may replace the allocation, or else at its deadline.
    """
    deployment = world.deployments.get(allocation.deployment_id)
    if deployment is None or not deployment.active:
        return
    progress = deployment.groups[allocation.group]
    progress.unhealthy += 1
    world.stamp(deployment)
    group = next(g for g in allocation.job["TaskGroups"] if g["Name"] == allocation.group)
    policy = group["ReschedulePolicy"]
    spent = policy is None or not (policy["Unlimited"] or policy["Attempts"])
    if deployment.status != "paused" and (spent or progress.progress_deadline == 0):
        world.commit()
        fail(world, deployment, "Failed due to unhealthy allocations", [allocation.group])


def extend(world: World, deployment: Deployment, progress: Progress) -> None:
    """Start the progress deadline of one group again."""
    given = world.timing.progress_deadline
    seconds = given if given is not None else progress.progress_deadline / 1e9
    if progress.progress_deadline == 0:
        return
    first = progress.require_progress_by is None
    progress.require_progress_by = world.now + seconds
    if first:
        world.timeline.after(seconds, lambda: _deadline(world, deployment, progress))


def _deadline(world: World, deployment: Deployment, progress: Progress) -> None:
    due = progress.require_progress_by
    if not deployment.active or due is None:
        return
    if due > world.now:
        world.timeline.after(due - world.now, lambda: _deadline(world, deployment, progress))
        return
    waiting = progress.desired_canaries and not progress.promoted and progress.healthy >= progress.desired_canaries
    if deployment.status == "paused" or waiting or progress.healthy >= progress.desired_total:
        return
    world.commit()
    failing = [name for name, each in deployment.groups.items() if each is progress]
    fail(world, deployment, "Failed due to progress deadline", failing)


def resume(world: World, deployment: Deployment) -> None:
    """Watch an active deployment that was read from a file: evaluate it, and start its deadlines again."""
    for progress in deployment.groups.values():
        if progress.require_progress_by is not None:
            progress.require_progress_by = None
            extend(world, deployment, progress)
    _watch(world, deployment)


def fail(world: World, deployment: Deployment, why: str, groups: list[str]) -> tuple[Evaluation, int | None]:
    """End a deployment as failed at the present index, and revert the job if one of `groups` has auto_revert.

    Returns the new evaluation, and the version reverted to or None.
    """
    record = world.jobs[(deployment.namespace, deployment.job_id)]
    reverted = None
    if any(deployment.groups[name].auto_revert for name in groups):
        reverted, suffix = _auto_revert(world, record)
        why += suffix
    end(world, deployment, "failed", why)
    return evaluations.create(world, record, "deployment-watcher", deployment=deployment), reverted


def end(world: World, deployment: Deployment, status: str, description: str) -> None:
    deployment.status, deployment.description = status, description
    world.stamp(deployment)


def _auto_revert(world: World, record: JobRecord) -> tuple[int | None, str]:
    stable = next((job for job in reversed(record.versions) if job["Stable"]), None)
    if stable is None:
        return None, " - no stable job version to auto revert to"
    version = stable["Version"]
    if same_specification(stable, record.current):
        return None, f" - not rolling back to stable job version {version} as current job has same specification"
    versions.add(world, record, {**stable, "VersionTag": None, "Status": record.current["Status"]})
    return version, f" - rolling back to job version {version}"


def _watch(world: World, deployment: Deployment) -> None:
    """Create one evaluation for all changes of health that are close together."""
    if deployment.watched:
        return
    deployment.watched = True

    def evaluate() -> None:
        deployment.watched = False
        record = world.jobs.get((deployment.namespace, deployment.job_id))
        if record is not None and deployment.status == "running":
            world.commit()
            evaluations.create(world, record, "deployment-watcher", deployment=deployment)

    world.timeline.after(world.timing.watch, evaluate)


def promote(world: World, deployment: Deployment, groups: list[str] | None) -> Evaluation:
    """Promote the canaries of all groups, or of the named ones. Refused while one of them is not healthy."""
    _refuse_terminal(deployment, "promote")
    with_canaries = {name: progress for name, progress in deployment.groups.items() if progress.desired_canaries}
    chosen = {name: progress for name, progress in with_canaries.items() if groups is None or name in groups}
    short = {name: have for name, p in chosen.items() if (have := _canaries_healthy(world, p)) < p.desired_canaries}
    if short:
        need = {name: p.desired_canaries for name, p in deployment.groups.items()}
        raise invalid(*(f'Task group "{n}" has {have}/{need[n]} healthy allocations' for n, have in short.items()))
    world.commit()
    _promote(world, deployment, list(chosen.values()))
    return evaluations.create(world, _record(world, deployment), "deployment-watcher", deployment=deployment)


def fail_on_request(world: World, deployment: Deployment) -> tuple[Evaluation, int | None]:
    _refuse_terminal(deployment, "fail")
    world.commit()
    return fail(world, deployment, "Deployment marked as failed", list(deployment.groups))


def pause(world: World, deployment: Deployment, *, paused: bool) -> Evaluation | None:
    """Pause, or resume with an evaluation. Both start the deadlines again."""
    _refuse_terminal(deployment, "pause" if paused else "resume")
    world.commit()
    end(world, deployment, *(("paused", "Deployment is paused") if paused else ("running", RUNNING)))
    for progress in deployment.groups.values():
        extend(world, deployment, progress)
    if paused:
        return None
    return evaluations.create(world, _record(world, deployment), "deployment-watcher", deployment=deployment)


def _promote(world: World, deployment: Deployment, groups: list[Progress]) -> None:
    for progress in groups:
        progress.promoted = True
        extend(world, deployment, progress)
    deployment.description = RUNNING
    world.stamp(deployment)


def _canaries_healthy(world: World, progress: Progress) -> int:
    return sum(1 for key in progress.placed_canaries if (a := world.allocations.get(key)) and a.healthy)


def _refuse_terminal(deployment: Deployment, verb: str) -> None:
    if not deployment.active:
        raise Refused(500, f"can't {verb} terminal deployment")


def _record(world: World, deployment: Deployment) -> JobRecord:
    return world.jobs[(deployment.namespace, deployment.job_id)]
