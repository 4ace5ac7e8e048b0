"""Answers: how does an agent show a job that it has only read from HCL? Pure; the form is the Go client's.

See https://github.com/hashicorp/nomad/blob/v2.0.5/api/jobs.go.
It is filled in like a registered job, but what only a server decides is still null, and some blocks stand elsewhere.
"""

from __future__ import annotations

from typing import Any

from app.simulators.nomad import defaults
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.specification import canonical

UNDECIDED: Json = {
    "Datacenters": None, "DispatchIdempotencyToken": None, "Migrate": None, "NodePool": "", "Reschedule": None,
    "Status": "", "SubmitTime": None, "Update": None,
}  # fmt: skip
UNDECIDED_RESOURCES = ("DiskMB", "IOPS", "MemoryMaxMB", "SecretsMB")


def parsed(job: Json) -> Json:
    """The canonical form of a job that was parsed; what was said in the source is kept."""
    filled = canonical(job)
    groups = zip(filled["TaskGroups"] or (), job.get("TaskGroups") or (), strict=True)
    shown = {**filled, **UNDECIDED, "TaskGroups": [_group(group, said) for group, said in groups] or None}
    shown |= {key: value for key in UNDECIDED if (value := job.get(key)) is not None}
    if filled["Type"] in ("service", "system") or job.get("Update"):
        shown["Update"] = {**defaults.UPDATE, **_said(job.get("Update"))}
    return shown


def _group(filled: Json, said: Json) -> Json:
    tasks = zip(filled["Tasks"] or (), said.get("Tasks") or (), strict=True)
    return {
        **filled,
        "Constraints": said.get("Constraints"),
        "PreventRescheduleOnLost": said.get("PreventRescheduleOnLost"),
        "Tasks": [_task(task, as_said) for task, as_said in tasks] or None,
    }


def _task(filled: Json, said: Json) -> Json:
    shown = {key: value for key, value in filled.items() if key != "CSIPluginConfig"}
    undecided = dict.fromkeys(UNDECIDED_RESOURCES)
    return {
        **shown,
        "Identity": said.get("Identity"),
        "LogConfig": {**filled["LogConfig"], "Enabled": None},
        "Resources": {**filled["Resources"], **undecided, **_said(said.get("Resources"))},
    }


def _said(block: Any) -> Json:
    return {key: value for key, value in (block or {}).items() if value is not None}
