"""The form of a job that an agent parsed from HCL and did not register: that of the Go client. Pure.

See https://github.com/hashicorp/nomad/blob/v2.0.5/api/jobs.go.
Defaults are filled in as for a registered job. Fields that only a server decides are null, and some blocks differ.
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
    """The canonical form of a parsed job. Values given in the source are kept."""
    filled = canonical(job)
    groups = zip(filled["TaskGroups"] or (), job.get("TaskGroups") or (), strict=True)
    shown = {**filled, **UNDECIDED, "TaskGroups": [_group(group, posted) for group, posted in groups] or None}
    shown |= {key: value for key in UNDECIDED if (value := job.get(key)) is not None}
    if filled["Type"] in ("service", "system") or job.get("Update"):
        shown["Update"] = {**defaults.UPDATE, **_given(job.get("Update"))}
    return shown


def _group(filled: Json, posted: Json) -> Json:
    tasks = zip(filled["Tasks"] or (), posted.get("Tasks") or (), strict=True)
    return {
        **filled,
        "Constraints": posted.get("Constraints"),
        "PreventRescheduleOnLost": posted.get("PreventRescheduleOnLost"),
        "Tasks": [_task(task, as_posted) for task, as_posted in tasks] or None,
    }


def _task(filled: Json, posted: Json) -> Json:
    shown = {key: value for key, value in filled.items() if key != "CSIPluginConfig"}
    undecided = dict.fromkeys(UNDECIDED_RESOURCES)
    return {
        **shown,
        "Identity": posted.get("Identity"),
        "LogConfig": {**filled["LogConfig"], "Enabled": None},
        "Resources": {**filled["Resources"], **undecided, **_given(posted.get("Resources"))},
    }


def _given(block: Any) -> Json:
    return {key: value for key, value in (block or {}).items() if value is not None}
