"""Keeps a simulator over restarts: one JSON file with the jobs, their rows, and the index.

Timers are not kept: a step that was under way when the file was written starts again after loading. Faults, verdicts,
timing and the ledger belong to one run and are not kept either.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from app.simulators.nomad import client
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.simulator import Simulator
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

WRITE_EVERY_SECONDS = 0.25


def save(simulator: Simulator, file: Path) -> int:
    """Write the whole state atomically. Returns its index."""
    with simulator.at_work() as world:
        index = world.index
        content = {
            "index": index,
            "touched": world.touched,
            "namespaces": sorted(world.namespaces),
            "jobs": list(world.jobs.values()),
        }
        written = orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    beside = file.with_name(file.name + ".new")
    beside.write_bytes(written)
    beside.replace(file)
    return index


def load(simulator: Simulator, file: Path) -> None:
    """Load the state from `file`, if it exists. Raises ValueError for a file that is not JSON."""
    if not file.exists():
        return
    content = orjson.loads(file.read_bytes())
    with simulator.at_work() as world:
        world.index, world.touched = content["index"], {**world.touched, **content["touched"]}
        world.namespaces = set(content["namespaces"])
        for stored in content["jobs"]:
            record = _record(stored)
            world.jobs[record.namespace, record.id] = record
            world.evaluations |= record.evaluations
            world.deployments |= record.deployments
            world.allocations |= record.allocations
            _resume(world, record)


@asynccontextmanager
async def keeping(simulator: Simulator, file: Path) -> AsyncIterator[None]:
    """Write the file soon after each change, and at the end. A killed process loses at most the last quarter second."""
    writer = asyncio.create_task(_write_changes(simulator, file))
    try:
        yield
    finally:
        writer.cancel()
        save(simulator, file)


async def _write_changes(simulator: Simulator, file: Path) -> None:
    written = -1
    while True:
        if simulator.world.index != written:
            written = save(simulator, file)
        await asyncio.sleep(WRITE_EVERY_SECONDS)


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


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(type(value).__name__)
