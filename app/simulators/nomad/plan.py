"""The reply of POST /v1/job/:id/plan: what a registration of the job would do. It changes nothing."""

from __future__ import annotations

from app.simulators.nomad import room, scaling, scheduler, views
from app.simulators.nomad.diff import job_diff
from app.simulators.nomad.evaluations import would_block
from app.simulators.nomad.outcome import plan_annotations
from app.simulators.nomad.reconcile import GroupPlan, replaces
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.specification import add_implied, canonical, same_specification
from app.simulators.nomad.tables import Evaluation, JobRecord
from app.simulators.nomad.validation import check, check_change
from app.simulators.nomad.warnings import warnings_of
from app.simulators.nomad.world import World, new_id


def plan(world: World, posted: Json, *, namespace: str, diff: bool) -> Json:
    """Nomad's plan reply. Refused as for a registration, except for the check-and-set."""
    job = world.release.stored(canonical(posted))
    add_implied(job, world.implied)
    job["Namespace"] = namespace
    check(job, posted, world.namespaces)
    record = world.jobs.get((namespace, job["ID"]))
    old = record.current if record is not None else None
    if old is not None:
        check_change(job, old)
    if old is not None:
        scaling.fill_for_plan(job, old)
    else:
        scaling.fill(job, None, world.index + 1)
    planned = record or JobRecord(namespace=namespace, id=job["ID"], versions=[job])
    unchanged = old is not None and same_specification(old, job)
    job["Version"] = old["Version"] + (not unchanged) if old is not None else 0
    plans = scheduler.plan_job(world, planned, job, None) if not job["Stop"] else []
    for each in plans:
        room.leave_homeless(world, job, each)
    index = old["JobModifyIndex"] if old is not None else 0
    failed = scheduler.unplaced(world, job, plans)
    reply = {
        "Annotations": plan_annotations(job, plans), "CreatedEvals": _created(world, job, index, failed),
        "Diff": _diff(old, job, plans) if diff else None,
        "FailedTGAllocs": failed,
        "Index": index, "JobModifyIndex": index, "NextPeriodicLaunch": None,
        "Warnings": warnings_of(job, world.release),
    }  # fmt: skip
    return world.release.plan(reply)


def _created(world: World, job: Json, index: int, failed: Json | None) -> list[Json] | None:
    """The evaluation that would wait for room."""
    if failed is None:
        return None
    parent = Evaluation(
        id=new_id(), namespace=job["Namespace"], job_id=job["ID"], type=job["Type"], priority=job["Priority"],
        triggered_by="job-register", job_modify_index=index + 1,
    )  # fmt: skip
    blocked = would_block(parent, failed)
    blocked.create_time = blocked.modify_time = world.now
    return [views.evaluation(blocked, world.release)]


def _diff(old: Json | None, job: Json, plans: list[GroupPlan]) -> Json:
    forced = {plan.name for plan in plans if old is not None and replaces(old, job, plan.name)}
    return job_diff(old, job, updates={plan.name: _updates(plan) for plan in plans}, forced=forced)


def _updates(plan: GroupPlan) -> dict[str, int]:
    named = {
        "create": len(plan.place), "canary": len(plan.canaries), "create/destroy update": len(plan.destructive),
        "in-place update": len(plan.in_place), "ignore": plan.ignore, "destroy": len(plan.stop),
    }  # fmt: skip
    return {name: number for name, number in named.items() if number}
