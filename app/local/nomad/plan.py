"""Answers: what would registering this job do? The reply of POST /v1/job/:id/plan; changes nothing."""

from __future__ import annotations

from typing import Any

from app.local.nomad import scheduler
from app.local.nomad.outcome import plan_annotations
from app.local.nomad.reconcile import GroupPlan, replaces
from app.local.nomad.refusal import Json
from app.local.nomad.specification import canonical, same_specification
from app.local.nomad.tables import JobRecord
from app.local.nomad.validation import check, check_change
from app.local.nomad.world import World


def plan(world: World, posted: Json, *, namespace: str, diff: bool) -> Json:
    """Nomad's plan reply; Refused as a registration would be, except for the check-and-set."""
    job = canonical(posted)
    job["Namespace"] = namespace
    check(job, posted, world.namespaces)
    record = world.jobs.get((namespace, job["ID"]))
    old = record.current if record is not None else None
    if old is not None:
        check_change(job, old)
    stands_in = record or JobRecord(namespace=namespace, id=job["ID"], versions=[job])
    unchanged = old is not None and same_specification(old, job)
    job["Version"] = old["Version"] + (not unchanged) if old is not None else 0
    plans = scheduler.plan_job(stands_in, job, None) if not job["Stop"] else []
    index = old["JobModifyIndex"] if old is not None else 0
    return {
        "Annotations": plan_annotations(job, plans), "CreatedEvals": None,
        "Diff": _job(old, job, plans) if diff else None,
        "FailedTGAllocs": None, "Index": index, "JobModifyIndex": index, "NextPeriodicLaunch": None, "Warnings": "",
    }  # fmt: skip


def _job(old: Json | None, new: Json, plans: list[GroupPlan]) -> Json:
    before = {g["Name"]: g for g in (old or {}).get("TaskGroups") or ()}
    after = {g["Name"]: g for g in new["TaskGroups"]}
    updates = {p.name: _updates(p) for p in plans}
    groups = [
        _group(before.get(name), after.get(name), updates=updates.get(name), old=old, new=new)
        for name in sorted({*before, *after})
    ]
    fields = _meta((old or {}).get("Meta"), new["Meta"])
    edited = bool(fields) or any(group["Type"] != "None" for group in groups)
    kind = "Added" if old is None else "Edited" if edited or not same_specification(old, {**old, **new}) else "None"
    return {"Fields": fields or None, "ID": new["ID"], "Objects": None, "TaskGroups": groups, "Type": kind}


def _group(before: Json | None, after: Json | None, *, updates: Json | None, old: Json | None, new: Json) -> Json:
    known = after or before or {}
    tasks_before = {t["Name"]: t for t in (before or {}).get("Tasks") or ()}
    tasks_after = {t["Name"]: t for t in (after or {}).get("Tasks") or ()}
    forces = old is not None and before is not None and after is not None and replaces(old, new, known["Name"])
    tasks = [
        _task(tasks_before.get(name), tasks_after.get(name), name=name, forces=forces)
        for name in sorted({*tasks_before, *tasks_after})
    ]
    fields = _field("Count", (before or {}).get("Count"), (after or {}).get("Count")) if before and after else []
    kind = _kind(before, after, edited=bool(fields) or any(task["Type"] != "None" for task in tasks) or before != after)
    return {
        "Fields": fields or None, "Name": known["Name"], "Objects": None, "Tasks": tasks, "Type": kind,
        "Updates": updates or None,
    }  # fmt: skip


def _task(before: Json | None, after: Json | None, *, name: str, forces: bool) -> Json:
    was, becomes = (before or {}).get("Config") or {}, (after or {}).get("Config") or {}
    config = [
        {"Annotations": None, "Name": key, "New": _text(becomes.get(key)), "Old": _text(was.get(key)),
         "Type": _kind(was.get(key), becomes.get(key), edited=was.get(key) != becomes.get(key))}
        for key in sorted({*was, *becomes})
    ]  # fmt: skip
    objects = [{"Fields": config, "Name": "Config", "Objects": None, "Type": "Edited"}] if was != becomes else None
    fields = _meta((before or {}).get("Meta"), (after or {}).get("Meta"))
    kind = _kind(before, after, edited=before != after)
    edited = kind == "Edited" and forces and (objects or fields)
    return {
        "Annotations": ["forces create/destroy update"] if edited else None, "Fields": fields or None, "Name": name,
        "Objects": objects, "Type": kind,
    }  # fmt: skip


def _updates(plan: GroupPlan) -> dict[str, int]:
    named = {
        "create": len(plan.place), "canary": len(plan.canaries), "create/destroy update": len(plan.destructive),
        "in-place update": len(plan.in_place), "ignore": plan.ignore, "destroy": len(plan.stop),
    }  # fmt: skip
    return {name: number for name, number in named.items() if number}


def _meta(before: Json | None, after: Json | None) -> list[Json]:
    was, becomes = before or {}, after or {}
    return [
        field for key in sorted({*was, *becomes}) for field in _field(f"Meta[{key}]", was.get(key), becomes.get(key))
    ]


def _field(name: str, before: Any, after: Any) -> list[Json]:
    if before == after:
        return []
    kind = _kind(before, after, edited=True)
    return [{"Annotations": None, "Name": name, "New": _text(after), "Old": _text(before), "Type": kind}]


def _kind(before: Any, after: Any, *, edited: bool) -> str:
    if before is None and after is None:
        return "None"
    if before is None:
        return "Added"
    if after is None:
        return "Deleted"
    return "Edited" if edited else "None"


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
