"""The state of a simulated server as JSON and back: the jobs, their rows, and the index.

Timers are not kept: a step that was under way when it was written starts again when it is read. Faults, verdicts,
timing and the ledger belong to one run and are not kept either.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson

from app.simulators.nomad import client, deployments
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import (
    Allocation,
    Deployment,
    Evaluation,
    JobRecord,
    Node,
    Progress,
    TaskEvent,
    TaskState,
)
from app.simulators.nomad.world import World


def dump(world: World) -> bytes:
    """The whole state as JSON."""
    content = {
        "index": world.index,
        "touched": world.touched,
        "namespaces": sorted(world.namespaces),
        "jobs": list(world.jobs.values()),
    }
    return orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def fill(world: World, content: Json) -> None:
    """Put a state that `dump` wrote into an empty world, and begin again what was under way in it."""
    world.index, world.touched = content["index"], {**world.touched, **content["touched"]}
    world.namespaces = set(content["namespaces"])
    for stored in content["jobs"]:
        record = _record(stored)
        world.jobs[record.namespace, record.id] = record
        world.evaluations |= record.evaluations
        world.deployments |= record.deployments
        world.allocations |= record.allocations
        _resume(world, record)


def _record(stored: Json) -> JobRecord:
    return JobRecord(
        namespace=stored["namespace"],
        id=stored["id"],
        versions=stored["versions"],
        submissions={int(version): source for version, source in stored["submissions"].items()},
        evaluations={key: Evaluation(**row) for key, row in stored["evaluations"].items()},
        deployments={key: _deployment(row) for key, row in stored["deployments"].items()},
        allocations={key: _allocation(row) for key, row in stored["allocations"].items()},
    )


def _deployment(row: Json) -> Deployment:
    groups = {name: Progress(**progress) for name, progress in row["groups"].items()}
    return Deployment(**{**row, "groups": groups, "watched": False})


def _allocation(row: Json) -> Allocation:
    tasks = {
        name: TaskState(**{**state, "events": [TaskEvent(*event) for event in state["events"]]})
        for name, state in row["tasks"].items()
    }
    return Allocation(**{**row, "tasks": tasks, "node": Node(*row["node"])})


def _resume(world: World, record: JobRecord) -> None:
    for evaluation in record.evaluations.values():
        if evaluation.status == "pending":
            world.timeline.after(world.timing.evaluation, partial(world.process, evaluation))
    for allocation in record.allocations.values():
        if allocation.terminal:
            continue
        deployment = record.deployments.get(allocation.deployment_id)
        if allocation.client_status == "pending":
            client.place(world, allocation)
        elif deployment is not None and deployment.active and allocation.healthy is None:
            client.watch_health(world, allocation)
    for deployment in record.deployments.values():
        if deployment.active:
            deployments.resume(world, deployment)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(type(value).__name__)
