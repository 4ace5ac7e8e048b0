"""Why a group cannot be placed on the simulated nodes. (docs/nomad.md, section 8)

All nodes are equal, as far as they are eligible. Their memory and five attributes are simulated; a constraint on
another attribute counts as met. A verdict can make an image UNPLACEABLE, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.simulators.nomad.reconcile import GroupPlan
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.timing import Fate
from app.simulators.nomad.world import World, images_of

ATTRIBUTES = {
    "${attr.cpu.arch}": "amd64", "${attr.kernel.name}": "linux", "${node.class}": "", "${node.datacenter}": "dc1",
    "${node.pool}": "default",
}  # fmt: skip
MEMORY_MB = 16_384
DISTINCT = "distinct_hosts"
MANY = 1_000_000  # allocations that fit on one node
EQUAL, UNEQUAL = ("=", "==", "is", ""), ("!=", "not")


def shortage(world: World, job: Json, group: str) -> str | None:
    """The reason, for `unplaced_metric`: a constraint as in Nomad, `memory`, or "" (driver). None: there is room."""
    verdict = world.fated(list(images_of(job, group).values()), Fate.UNPLACEABLE)
    if verdict is not None:
        return verdict.text
    for constraint in _constraints(job, group):
        if not _met(constraint):
            return f"{constraint['LTarget']} {constraint['Operand']} {constraint['RTarget']}"
    memory = sum((task["Resources"] or {}).get("MemoryMB") or 0 for task in _tasks(job, group))
    return "memory" if memory > MEMORY_MB else None


def leave_homeless(world: World, job: Json, plan: GroupPlan) -> None:
    """Take the positions out of `place` that have no node: with `distinct_hosts` each needs one of its own."""
    nodes = len(world.eligible)
    room = nodes if any(each["Operand"] == DISTINCT for each in _constraints(job, plan.name)) else nodes * MANY
    plan.homeless = [position for position in plan.place if position >= room]
    plan.place = [position for position in plan.place if position < room]


def _constraints(job: Json, group: str) -> Iterator[Json]:
    yield from job["Constraints"] or ()
    for each in job["TaskGroups"] or ():
        if each["Name"] == group:
            yield from each["Constraints"] or ()
    for task in _tasks(job, group):
        yield from task["Constraints"] or ()


def _tasks(job: Json, group: str) -> list[Json]:
    return next((each["Tasks"] or [] for each in job["TaskGroups"] or () if each["Name"] == group), [])


def _met(constraint: Json) -> bool:
    value = ATTRIBUTES.get(constraint["LTarget"])
    if value is None or constraint["Operand"] not in (*EQUAL, *UNEQUAL):
        return True
    return (value == constraint["RTarget"]) is (constraint["Operand"] in EQUAL)
