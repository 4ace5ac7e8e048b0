"""The client node's work on an allocation: start it, fail it, report its health, stop it.

It reports to the deployment watcher (deployments.py) and decides nothing about deployments.
"""

from __future__ import annotations

from app.simulators.nomad import deployments, events, job_status
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import Allocation
from app.simulators.nomad.timing import Fate, Verdict
from app.simulators.nomad.world import World, images_of

BATCH = ("batch", "sysbatch")
FAILING = (Fate.PULL_FAILS, Fate.EXITS_NONZERO, Fate.OOM_KILLED)


def place(world: World, allocation: Allocation) -> None:
    """Start the tasks of a placed allocation after `timing.start`; some fail."""
    world.timeline.after(world.timing.start, lambda: _start(world, allocation))


def stop(world: World, allocation: Allocation) -> None:
    """Kill the tasks of an allocation that the server stopped."""
    world.timeline.after(0, lambda: _stopped(world, allocation))


def _start(world: World, allocation: Allocation) -> None:
    if allocation.terminal:
        return
    world.commit()
    tasks = _tasks(allocation)
    allocation.digests = {t["Name"]: d for t in tasks if (d := world.images.run(allocation.node, t["Config"] or {}))}
    images = list(images_of(allocation.job, allocation.group).values())
    verdict = world.fate([*images, *allocation.digests.values()])
    if verdict is not None and verdict.fate in FAILING:
        _fail(world, allocation, verdict)
        return
    allocation.tasks = {task["Name"]: events.started(task, world.now) for task in tasks}
    _report(world, allocation, "running", "Tasks are running")
    if allocation.job["Type"] in BATCH:
        world.timeline.after(world.timing.run, lambda: _complete(world, allocation))
    elif allocation.deployment_id and verdict is not None and verdict.fate in (Fate.NEVER_HEALTHY, Fate.CHECK_FAILS):
        _stay_unhealthy(world, allocation, verdict.fate)
    elif allocation.deployment_id:
        watch_health(world, allocation)


def watch_health(world: World, allocation: Allocation) -> None:
    """Make a running allocation of a deployment healthy after `timing.healthy`."""
    deployment_id = allocation.deployment_id
    world.timeline.after(world.timing.healthy, lambda: _healthy(world, allocation, deployment_id))


def _healthy(world: World, allocation: Allocation, deployment_id: str) -> None:
    if allocation.terminal or allocation.healthy is not None or allocation.deployment_id != deployment_id:
        return
    world.commit()
    _set_health(world, allocation, healthy=True)
    deployments.allocation_healthy(world, allocation)


def _stay_unhealthy(world: World, allocation: Allocation, fate: Fate) -> None:
    update = _group(allocation)["Update"]
    deadline, least = update["HealthyDeadline"], update["MinHealthyTime"]
    seconds = world.timing.healthy_deadline if world.timing.healthy_deadline is not None else deadline / 1e9
    # The checks of a group's own services count as the allocation's health.
    services = ", ".join(service["Name"] for task in _tasks(allocation) for service in task["Services"] or ())
    reason = f"Task not running for min_healthy_time of {least / 1e9:g}s by healthy_deadline of {deadline / 1e9:g}s"
    if fate is Fate.CHECK_FAILS and services:
        reason = f"Services not healthy by deadline: {services}"

    def give_up() -> None:
        if allocation.terminal or allocation.healthy is not None:
            return
        world.commit()
        for state in allocation.tasks.values():
            state.events.append(events.unhealthy(world.now, reason))
        _set_health(world, allocation, healthy=False)
        deployments.allocation_unhealthy(world, allocation)

    world.timeline.after(seconds, give_up)


def _fail(world: World, allocation: Allocation, verdict: Verdict) -> None:
    now, tasks = world.now, _tasks(allocation)
    failing = [
        task
        for task in tasks
        if verdict.image in f"{(task['Config'] or {}).get('image')} {allocation.digests.get(task['Name'])}"
    ]
    for task in tasks:
        if task not in failing:
            state = events.sibling_failed(task, now, failing[0]["Name"])
        elif verdict.fate is Fate.PULL_FAILS:
            state = events.pull_failed(task, now, verdict.text)
        elif verdict.fate is Fate.OOM_KILLED:
            state = events.out_of_memory(task, now)
        else:
            state = events.exited_badly(task, now)
        allocation.tasks[task["Name"]] = state
    _report(world, allocation, "failed", "Failed tasks")
    if not allocation.deployment_id:
        return
    if verdict.fate is not Fate.PULL_FAILS:
        for task in failing:
            allocation.tasks[task["Name"]].events.append(events.unhealthy(now, "Unhealthy because of failed task"))
    _set_health(world, allocation, healthy=False, timed=verdict.fate is not Fate.PULL_FAILS)
    deployments.allocation_unhealthy(world, allocation)


def _complete(world: World, allocation: Allocation) -> None:
    if allocation.terminal:
        return
    world.commit()
    allocation.tasks = {name: events.exited_well(state, world.now) for name, state in allocation.tasks.items()}
    _report(world, allocation, "complete", "All tasks have completed")


def _stopped(world: World, allocation: Allocation) -> None:
    if allocation.client_status not in ("pending", "running"):
        return
    world.commit()
    allocation.tasks = {
        task["Name"]: events.killed(task, allocation.tasks[task["Name"]], world.now)
        for task in _tasks(allocation)
        if task["Name"] in allocation.tasks
    }
    _report(world, allocation, "complete", "All tasks have completed")


def _report(world: World, allocation: Allocation, status: str, description: str) -> None:
    allocation.client_status, allocation.client_description = status, description
    world.stamp(allocation)
    job_status.refresh(world, allocation.namespace, allocation.job_id)


def _set_health(world: World, allocation: Allocation, *, healthy: bool, timed: bool = True) -> None:
    allocation.healthy = healthy
    allocation.health_time = world.now if timed else None
    allocation.health_index = world.index
    world.stamp(allocation)


def _group(allocation: Allocation) -> Json:
    found: Json = next(g for g in allocation.job["TaskGroups"] if g["Name"] == allocation.group)
    return found


def _tasks(allocation: Allocation) -> list[Json]:
    return list(_group(allocation)["Tasks"])
