"""Specifications for tests of the edit of a job: recorded ones, and changed copies of them."""

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

from tests.unit.nomad.recordings import FIXTURES, corpus

Json = dict[str, Any]

IMPLICIT = {"LTarget": "${attr.nomad.version}", "RTarget": ">= 1.7.0-a", "Operand": "semver"}


@cache
def shapes() -> dict[str, Json]:
    """Specifications from an agent, by name. Do not change them in place."""
    recorded: dict[str, Json] = json.loads((FIXTURES.parent / "nomad_jobs" / "shapes.json").read_text(encoding="utf-8"))
    return {**{name: each["read"] for name, each in corpus().items()}, **recorded}


def twists() -> dict[str, Callable[[Json], Json]]:
    """Other properties of a job. Each function makes a changed copy of one."""
    return {
        "as it is": deepcopy,
        "with fields of the future": _with_unknown_fields,
        "with NUMA and a CPU ceiling": _with_resources,
        "scaled by an autoscaler": _scaled,
        "stopped": lambda job: {**deepcopy(job), "Stop": True},
        "tagged": lambda job: {**deepcopy(job), "VersionTag": {"Name": "golden", "TaggedTime": 1}, "Version": 41},
        "grown by registrations": _grown,
        "older, with a VaultToken": lambda job: {**deepcopy(job), "VaultToken": "", "ConsulToken": ""},
    }


def _with_unknown_fields(job: Json) -> Json:
    def grown(value: Any) -> Any:
        if isinstance(value, dict):
            inner = {name: grown(each) for name, each in value.items()}
            return {**inner, "Future": {"Image": "x:1", "list": [1, None, {"image": "y:2"}]}, "image2": "z:3"}
        return [grown(each) for each in value] if isinstance(value, list) else value

    found: Json = grown(job)
    return found


def _with_resources(job: Json) -> Json:
    copy = deepcopy(job)
    for group in copy["TaskGroups"]:
        for task in group["Tasks"]:
            task["Resources"] = {**(task["Resources"] or {}), "NUMA": {"Affinity": "require", "Devices": ["gpu"]}}
            task["VolumeMounts"] = [{"Volume": "x", "SELinuxLabel": "Z"}]
    return copy


def _scaled(job: Json) -> Json:
    copy = deepcopy(job)
    for group in copy["TaskGroups"]:
        group["Count"] += 7
        group["Scaling"] = {
            "ID": "p",
            "Min": 1,
            "Max": 90,
            "Enabled": True,
            "Policy": {"Target": "x"},
            "ModifyIndex": 9,
        }
    return copy


def _grown(job: Json) -> Json:
    copy = deepcopy(job)
    for group in copy["TaskGroups"]:
        group["Constraints"] = [*(group["Constraints"] or ()), IMPLICIT, IMPLICIT, IMPLICIT]
    return copy
