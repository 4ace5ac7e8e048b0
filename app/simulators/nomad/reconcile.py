"""Plans one group: which allocations to place, replace, update in place, stop or leave. Pure.

It follows Nomad's reconciler, for nodes that are always available, without rescheduling. (docs/nomad.md, sections 7, 8)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import Allocation, Deployment

TASK_FIELDS_THAT_REPLACE = (
    "Driver", "User", "Config", "Env", "Artifacts", "Vault", "Secrets", "Consul", "Templates", "VolumeMounts",
    "Meta", "Resources",
    "Identities", "Identity",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class GroupPlan:
    """The changes of one group. `total` is the number of allocations that a new deployment must make healthy.

    `homeless` are positions to place for which no node is left.
    """

    name: str
    place: list[int] = field(default_factory=list)
    homeless: list[int] = field(default_factory=list)
    canaries: list[int] = field(default_factory=list)
    destructive: list[Allocation] = field(default_factory=list)
    in_place: list[Allocation] = field(default_factory=list)
    stop: list[Allocation] = field(default_factory=list)
    ignore: int = 0
    total: int = 0
    desired_canaries: int = 0
    remaining: int = 0
    """The allocations left for a later pass (rolling limit, unhealthy, not promoted)."""

    @property
    def acts(self) -> bool:
        return bool(self.place or self.canaries or self.destructive or self.in_place or self.stop)

    @property
    def unfinished(self) -> bool:
        """Whether allocations are still to start. Allocations that only have to stop do not delay a deployment."""
        waiting = self.place or self.homeless or self.remaining
        return bool(waiting or self.canaries or self.destructive or self.in_place)


def takes_deployment(group: Json) -> bool:
    """Whether this group takes part in a deployment, if its job has deployments. (docs/nomad.md, section 7)"""
    return bool(group["Count"] > 0 and (group["Update"] or {}).get("MaxParallel", 0) > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredGroup:
    """The number of allocations, whether they roll out under deployments, and this version's deployment, if any."""

    count: int
    deployed: bool
    own: Deployment | None


def plan_group(job: Json, group: Json, allocations: list[Allocation], desired: DesiredGroup) -> GroupPlan:
    """Compare a group with its allocations."""
    own, count = desired.own, desired.count
    plan = GroupPlan(name=group["Name"])
    progress = own.groups.get(group["Name"]) if own is not None else None
    promoted = progress is not None and progress.promoted
    standing, canaries = _sort_out_canaries(plan, [a for a in allocations if _stands(a, job)], own, promoted=promoted)
    plan.stop += standing[count:]
    standing = standing[:count]
    used = {a.position for a in standing}
    free = [position for position in range(count) if position not in used][: count - len(standing)]
    old = [a for a in standing if a.version != job["Version"]]
    replaced = [a for a in old if replaces(a.job, job, group["Name"])]
    plan.in_place = [a for a in old if a not in replaced]
    ended = [a for a in allocations if _ended_by_itself(a) and a.version != job["Version"] and a not in old]
    plan.ignore = len(standing) - len(old) + len(ended)
    plan.total = len(replaced) + len(plan.in_place) + len(free)
    if own is not None and own.status in ("failed", "paused"):
        plan.remaining = len(replaced) + len(free)
        plan.ignore += len(replaced)
        return plan
    plan.place = free
    desired_canaries = group["Update"]["Canary"] if desired.deployed and not promoted else 0
    _place_canaries(plan, replaced, canaries=len(canaries), desired=desired_canaries)
    if not plan.desired_canaries:
        limit = _limit(group, allocations, own) if desired.deployed else len(allocations)
        # What is placed anew takes its share of max_parallel first, also where it finds no node.
        plan.destructive = replaced[: max(0, limit - len(free))]
        plan.remaining = len(replaced) - len(plan.destructive)
    plan.ignore += plan.remaining
    return plan


def _sort_out_canaries(
    plan: GroupPlan, standing: list[Allocation], own: Deployment | None, *, promoted: bool
) -> tuple[list[Allocation], list[Allocation]]:
    """(allocations within the group's count, canaries). Stops stray canaries, and what promoted canaries replace."""
    plan.stop += [a for a in standing if a.canary and _is_stray(a, own)]
    standing = sorted((a for a in standing if a not in plan.stop), key=lambda a: a.position)
    canaries = [a for a in standing if a.canary]
    if not promoted:
        return [a for a in standing if not a.canary], canaries
    taken = {a.position for a in canaries}
    replaced = [a for a in standing if a.position in taken and not a.canary]
    plan.stop += replaced
    return [a for a in standing if a not in replaced], canaries


def _place_canaries(plan: GroupPlan, replaced: list[Allocation], *, canaries: int, desired: int) -> None:
    """Place desired canaries beside the allocations that they will replace, until they are promoted."""
    if replaced and desired:
        plan.desired_canaries = desired
        beside = [a.position for a in replaced]
        beside += range(max(beside) + 1, max(beside) + 1 + desired)
        plan.canaries = beside[canaries:desired]
        plan.remaining = len(replaced)


def replaces(old: Json, new: Json, group: str) -> bool:
    """Nomad's tasksUpdated: whether an allocation of this group is replaced. False: it is updated in place."""
    before, after = _group_of(old, group), _group_of(new, group)
    if before is None or after is None:
        return True
    if any(before[key] != after[key] for key in ("Networks", "EphemeralDisk", "Volumes", "Consul")):
        return True
    tasks = {task["Name"]: task for task in before["Tasks"]}
    if len(tasks) != len(after["Tasks"]):
        return True
    inherited = (old["Meta"], before["Meta"]) != (new["Meta"], after["Meta"])
    return inherited or any(
        task["Name"] not in tasks or any(tasks[task["Name"]][key] != task[key] for key in TASK_FIELDS_THAT_REPLACE)
        for task in after["Tasks"]
    )


def _stands(allocation: Allocation, job: Json) -> bool:
    if allocation.desired_status != "run" or allocation.client_status == "lost":
        return False
    if job["Type"] == "sysbatch":
        return True  # a completed allocation is replaced like a running one
    if job["Type"] == "batch":
        return allocation.client_status in ("pending", "running") or allocation.version == job["Version"]
    return allocation.client_status != "complete"


def _ended_by_itself(allocation: Allocation) -> bool:
    return allocation.desired_status == "run" and allocation.client_status == "complete"


def _is_stray(canary: Allocation, own: Deployment | None) -> bool:
    """Whether the canary's deployment ended, or was superseded, before its promotion. Success clears `canary`."""
    return own is None or canary.deployment_id != own.id or own.status in ("failed", "cancelled")


def _limit(group: Json, allocations: list[Allocation], own: Deployment | None) -> int:
    limit = int(group["Update"]["MaxParallel"])
    if own is None:
        return limit
    for allocation in allocations:
        if allocation.deployment_id != own.id or allocation.desired_status != "run":
            continue
        if allocation.healthy is False:
            return 0
        limit -= allocation.healthy is None
    return max(limit, 0)


def _group_of(job: Json, name: str) -> Json | None:
    return next((group for group in job["TaskGroups"] or () if group["Name"] == name), None)
