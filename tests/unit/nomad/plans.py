"""Replies of a plan, in an agent's form."""

from typing import Any

Json = dict[str, Any]


def field(name: str, old: str, new: str) -> Json:
    """One field. Its type depends on the values."""
    kind = "None" if old == new else "Added" if not old else "Deleted" if not new else "Edited"
    return {"Annotations": None, "Name": name, "Old": old, "New": new, "Type": kind}


def node(name: str, *fields: Json, kind: str = "Edited", objects: list[Json] | None = None) -> Json:
    """An object, a task or a group."""
    return {"Name": name, "Type": kind, "Fields": list(fields) or None, "Objects": objects}


def task(name: str, *fields: Json, kind: str = "Edited", objects: list[Json] | None = None) -> Json:
    """A task, with Nomad's annotations."""
    return {**node(name, *fields, kind=kind, objects=objects), "Annotations": ["forces create/destroy update"]}


def group(name: str, *fields: Json, tasks: list[Json] | None = None, **node_: Any) -> Json:
    """A group with its tasks."""
    return {**node(name, *fields, **node_), "Tasks": tasks, "Updates": {"create/destroy update": 1}}


def config(*fields: Json, kind: str = "Edited") -> Json:
    """The driver's config."""
    return node("Config", *fields, kind=kind)


def reply(*groups: Json, fields: tuple[Json, ...] = (), objects: list[Json] | None = None, **more: Any) -> Json:
    """The whole reply."""
    diff = {"ID": "web", "Type": "Edited", "Fields": list(fields) or None, "Objects": objects, "TaskGroups": groups}
    return {"Diff": diff, "JobModifyIndex": 7, "Annotations": None, "FailedTGAllocs": None, "Warnings": "", **more}
