"""Answers: does any node take an allocation of this group, and if not, why? Pure.

All nodes are alike: Linux, one size. Constraints are compared where an attribute is known or a node's own meta is asked
for (nobody set any); others (versions, signals, drivers) are met.
"""

from __future__ import annotations

from app.local.nomad.refusal import Json

ATTRIBUTES = {
    "${attr.kernel.name}": "linux", "${attr.cpu.arch}": "amd64", "${node.datacenter}": "dc1", "${node.class}": "",
    "${node.pool}": "default",
}  # fmt: skip
META = "${meta."
EQUAL, UNEQUAL = ("=", "==", "is", ""), ("!=", "not")
SIZE = {"memory": ("MemoryMB", 1_000_000), "cpu": ("CPU", 1_000_000), "disk": ("DiskMB", 10_000_000)}


def lacks(job: Json, name: str) -> str | None:
    """The dimension that is exhausted or the constraint that filters every node, in Nomad's words; None for room."""
    group = next((group for group in job["TaskGroups"] if group["Name"] == name), None)
    if group is None:
        return None
    tasks = group["Tasks"] or ()
    for block in (job, group, *tasks):
        for constraint in block["Constraints"] or ():
            if not _met(constraint):
                return f"{constraint['LTarget']} {constraint.get('Operand') or '='} {constraint['RTarget']}"
    for dimension, (field, size) in SIZE.items():
        if sum(task["Resources"][field] or 0 for task in tasks) > size:
            return dimension
    return None


def _met(constraint: Json) -> bool:
    left, right = constraint.get("LTarget") or "", constraint.get("RTarget") or ""
    if left not in ATTRIBUTES and not left.startswith(META):
        return True
    found, operand = ATTRIBUTES.get(left), constraint.get("Operand") or ""
    if operand in EQUAL:
        return found == right
    return operand not in UNEQUAL or found != right
