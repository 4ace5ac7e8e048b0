"""Translates Nomad's allocations of a job into what runs of it. Pure; docs/nomad.md, section 1, has the shapes.

An allocation's `JobVersion` names the version that it runs; the versions' images come from the job's versions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.adapters.nomad.explain.allocations import failures, lateness
from app.adapters.nomad.explain.placement import unplaced
from app.adapters.nomad.images import specified_task, tasks_of
from app.adapters.nomad.text import bounded
from app.adapters.nomad.translate import completes, is_wanted, launches_later
from app.domain.job import Allocations, Placement, SpecifiedTask

_LIVE = ("running", "pending")
_SYSTEM = ("system", "sysbatch")

Row = Mapping[str, Any]


def placement(job: Row, allocations: Sequence[Row], versions: Sequence[Row], evaluations: Sequence[Row]) -> Placement:
    """What runs of the job.

    `versions` are needed if `needs_versions`, `evaluations` if `needs_evaluations`; they may be empty otherwise.
    """
    counts = _counts(job, allocations, evaluations)
    images = {each.get("Version") or 0: _tasks(each) for each in (*versions, job)}
    rows = [each for each in allocations if each.get("ClientStatus") in _LIVE]
    keys = sorted({(_version(each), each.get("TaskGroup") or "") for each in rows})
    return Placement(
        allocations=tuple(
            _counted(
                group,
                version,
                tuple(task for task in images.get(version, ()) if task.key.group == group),
                [each for each in rows if (_version(each), each.get("TaskGroup") or "") == (version, group)],
            )
            for version, group in keys
        ),
        counts=counts,
        problem=_problem(job, allocations, evaluations) if _is_short(job, allocations, counts) else "",
        launches_later=launches_later(job),
        completes=completes(job),
    )


def needs_versions(job: Row, allocations: Sequence[Row]) -> bool:
    """True if an allocation lives that the job's current specification does not describe."""
    current = job.get("Version") or 0
    return any(each.get("ClientStatus") in _LIVE and _version(each) != current for each in allocations)


def needs_evaluations(job: Row, allocations: Sequence[Row]) -> bool:
    """True if something that should run does not, or if only the scheduler knows what should (system jobs)."""
    return job.get("Type") in _SYSTEM or _is_short(job, allocations, _counts(job, allocations, ()))


def _counted(group: str, version: int, tasks: tuple[SpecifiedTask, ...], rows: Sequence[Row]) -> Allocations:
    return Allocations(
        group=group,
        version=version,
        tasks=tasks,
        running=sum(_runs(each) for each in rows),
        canaries=sum(_runs(each) and _is_canary(each) for each in rows),
        starting=sum(is_wanted(each) and not _runs(each) for each in rows),
        stopping=sum(each.get("ClientStatus") == "running" and not is_wanted(each) for each in rows),
    )


def _counts(job: Row, allocations: Sequence[Row], evaluations: Sequence[Row]) -> dict[str, int]:
    """The allocations that should run now, by group. A batch does not run what has completed."""
    if job.get("Stop") or launches_later(job):
        return {}
    groups = {group["Name"]: group.get("Count") or 0 for group in job.get("TaskGroups") or ()}
    if job.get("Type") in _SYSTEM:
        nodes = {
            (each.get("TaskGroup"), each.get("NodeID"))
            for each in allocations
            if is_wanted(each) and each.get("ClientStatus") != "complete"
        }
        queued = (_newest(evaluations) or {}).get("QueuedAllocations") or {}
        placed = Counter(group for group, _ in nodes)
        return {name: placed[name] + (queued.get(name) or 0) for name, count in groups.items() if count}
    if completes(job):
        current = [each for each in allocations if _version(each) == (job.get("Version") or 0)]
        if job.get("Status") == "dead" and not any(each.get("ClientStatus") == "failed" for each in current):
            return dict.fromkeys(groups, 0)  # completed allocations are collected after a day
        done = Counter(each.get("TaskGroup") for each in current if each.get("ClientStatus") == "complete")
        return {name: max(count - done[name], 0) for name, count in groups.items()}
    return groups


def _is_short(job: Row, allocations: Sequence[Row], counts: Mapping[str, int]) -> bool:
    current = job.get("Version") or 0
    running = Counter(each.get("TaskGroup") for each in allocations if _runs(each) and _version(each) == current)
    return any(running[group] < count for group, count in counts.items())


def _problem(job: Row, allocations: Sequence[Row], evaluations: Sequence[Row]) -> str:
    """Why something does not run: what could not be placed, else what failed, else how far the starting ones are."""
    ours = [each for each in allocations if _version(each) == (job.get("Version") or 0) and is_wanted(each)]
    late = lateness([each for each in ours if each.get("ClientStatus") == "pending"])
    return bounded("; ".join(filter(None, (_unplaced(evaluations), *(failures(ours, job) or late)))))


def _unplaced(evaluations: Sequence[Row]) -> str:
    """What the scheduler waits for: its blocked evaluation, else the newest one that it has processed."""
    blocked = _newest([each for each in evaluations if each.get("Status") == "blocked"])
    newest = _newest([each for each in evaluations if each.get("Status") != "pending"])
    return next((text for each in (blocked, newest) if each and (text := unplaced(each))), "")


def _newest(evaluations: Sequence[Row]) -> Row | None:
    return max(evaluations, key=lambda each: each.get("CreateIndex") or 0, default=None)


def _tasks(version: Row) -> tuple[SpecifiedTask, ...]:
    return tuple(specified_task(key, task) for key, task in tasks_of(version))


def _version(allocation: Row) -> int:
    return allocation.get("JobVersion") or 0


def _runs(allocation: Row) -> bool:
    return allocation.get("ClientStatus") == "running" and is_wanted(allocation)


def _is_canary(allocation: Row) -> bool:
    return bool((allocation.get("DeploymentStatus") or {}).get("Canary"))
