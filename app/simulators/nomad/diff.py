"""The difference of two versions of a job, in Nomad's form. (docs/nomad.md, section 5)

A changed field is listed at its level. A changed block is an object with all its fields, also the unchanged ones. Two
blocks in lists count as the same block only if they are equal, or have the same name.
"""

from __future__ import annotations

from typing import Any

from app.simulators.nomad.refusal import Json

FLAT_MAPS = ("Meta", "Env")
SERVER_FIELDS = frozenset(
    {"Status", "StatusDescription", "Stable", "Version", "CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime",
     "VersionTag", "NomadTokenID", "TaskGroups", "Update", "Payload", "DispatchIdempotencyToken", "ID"}
)  # fmt: skip
NOT_OF_GROUP = frozenset({"Name", "Tasks"})


def job_diff(old: Json | None, new: Json, *, updates: dict[str, Json] | None = None, forced: Any = ()) -> Json:
    """The difference of whole jobs. `updates` are the plan's counts by group, `forced` the groups that restart."""
    before, after = _named((old or {}).get("TaskGroups")), _named(new["TaskGroups"])
    groups = [
        _group(before.get(name), after.get(name), counts=(updates or {}).get(name), forces=name in forced)
        for name in sorted({*before, *after})
    ]
    fields, objects = _level(old, new, SERVER_FIELDS) if old is not None else ([], [])
    if old is not None and updates is None:
        groups = [group for group in groups if group["Type"] != "None"]
    edited = bool(fields or objects) or any(group["Type"] != "None" for group in groups)
    kind = "Added" if old is None else "Edited" if edited else "None"
    return {"Fields": fields or None, "ID": new["ID"], "Objects": objects or None, "TaskGroups": groups, "Type": kind}


def _group(before: Json | None, after: Json | None, *, counts: Json | None, forces: bool) -> Json:
    tasks_before, tasks_after = _named((before or {}).get("Tasks")), _named((after or {}).get("Tasks"))
    tasks = [
        _task(tasks_before.get(name), tasks_after.get(name), name=name, forces=forces)
        for name in sorted({*tasks_before, *tasks_after})
    ]
    both = before is not None and after is not None
    fields, objects = _level(before, after, NOT_OF_GROUP) if both else ([], [])
    kind = _kind(before, after, edited=bool(fields or objects) or any(task["Type"] != "None" for task in tasks))
    name = (after or before or {})["Name"]
    return {
        "Fields": fields or None, "Name": name, "Objects": objects or None, "Tasks": tasks, "Type": kind,
        "Updates": counts or None,
    }  # fmt: skip


def _task(before: Json | None, after: Json | None, *, name: str, forces: bool) -> Json:
    fields, objects = _level(before, after, frozenset({"Name"} if before and after else ()))
    kind = _kind(before, after, edited=before != after)
    restarts = forces and kind == "Edited" and (fields or objects)
    return {
        "Annotations": ["forces create/destroy update"] if restarts else None, "Fields": fields or None, "Name": name,
        "Objects": objects or None, "Type": kind,
    }  # fmt: skip


def _level(before: Json | None, after: Json | None, left_out: frozenset[str]) -> tuple[list[Json], list[Json]]:
    """(changed fields, changed objects) of one level."""
    was, becomes = before or {}, after or {}
    fields: list[Json] = []
    objects: list[Json] = []
    for key in sorted({*was, *becomes} - left_out):
        one, other = was.get(key), becomes.get(key)
        if one == other:
            continue
        if key in FLAT_MAPS:
            fields += [
                d
                for k in sorted({*(one or {}), *(other or {})})
                if (d := _field(f"{key}[{k}]", (one or {}).get(k), (other or {}).get(k)))["Type"] != "None"
            ]
        elif isinstance(one, dict) or isinstance(other, dict):
            objects.append(_object(key, one, other))
        elif isinstance(one or other, list):
            objects += _list(key, one or [], other or [])
        else:
            fields.append(_field(key, one, other))
    return fields, objects


def _object(name: str, before: Json | None, after: Json | None) -> Json:
    was, becomes = _flat(before), _flat(after)
    fields = [_field(key, was.get(key), becomes.get(key)) for key in sorted({*was, *becomes})]
    return {"Fields": fields or None, "Name": name, "Objects": None, "Type": _kind(before, after, edited=True)}


def _list(key: str, before: list[Any], after: list[Any]) -> list[Json]:
    """A set of blocks or words: members of only one list were deleted or added."""
    name = key[:-3] + "y" if key.endswith("ies") else key.removesuffix("s")
    deleted = [_object(name, _block(each), None) for each in before if each not in after]
    added = [_object(name, None, _block(each)) for each in after if each not in before]
    return [*deleted, *added]


def _block(value: Any) -> Json:
    return value if isinstance(value, dict) else {"Value": value}


def _flat(value: Any, path: str = "") -> Json:
    """Nested maps and lists as `a[b][0]`, as Nomad flattens a driver's configuration."""
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value} if path and value is not None else {}
    found: Json = {}
    for key, each in items:
        found |= _flat(each, f"{path}[{key}]" if path else str(key))
    return found


def _field(name: str, before: Any, after: Any) -> Json:
    kind = _kind(before, after, edited=before != after)
    return {"Annotations": None, "Name": name, "New": _text(after), "Old": _text(before), "Type": kind}


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


def _named(blocks: list[Json] | None) -> dict[str, Json]:
    return {block["Name"]: block for block in blocks or ()}
