"""The stored form of a posted job, and whether two jobs have the same specification. Pure.

It follows api.Job.Canonicalize, ApiJobToStructJob and the admission mutators. (docs/nomad.md, section 4) Blocks that
the simulator does not use (networks, services, templates, volumes, …) are kept as posted.
"""

from __future__ import annotations

from typing import Any

from app.simulators.nomad import defaults
from app.simulators.nomad.refusal import Json

NOT_TAKEN_FROM_BODY = frozenset(
    {"Status", "StatusDescription", "CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime", "Stable",
     "NomadTokenID", "ParentID", "Dispatched", "Payload", "DispatchIdempotencyToken"}
)  # fmt: skip
NOT_PART_OF_SPECIFICATION = (
    "Status", "StatusDescription", "Stable", "Version", "CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime",
    "VersionTag",
)  # fmt: skip
IDENTITY_CONSTRAINT: Json = {"LTarget": "${attr.nomad.version}", "Operand": "semver", "RTarget": ">= 1.7.0-a"}


def canonical(posted: Json) -> Json:
    """The job as Nomad stores it, without the fields of the state store (indexes, status, version)."""
    job = _filled(defaults.JOB, {k: v for k, v in posted.items() if k not in NOT_TAKEN_FROM_BODY})
    job["Name"] = job["Name"] or job["ID"]
    job["NodePool"] = job["NodePool"] or "default"
    update = _update_of_job(job)
    job["TaskGroups"] = [_group(group, job, update) for group in job["TaskGroups"] or ()] or None
    job["Update"] = (
        {**defaults.NO_UPDATE, "MaxParallel": update["MaxParallel"], "Stagger": update["Stagger"]}
        if update and update["MaxParallel"] > 0
        else dict(defaults.NO_UPDATE)
    )
    if job["Periodic"] is not None:
        job["Periodic"] = _filled(defaults.PERIODIC, job["Periodic"])
        if job["Periodic"]["Spec"]:
            job["Periodic"]["Specs"] = []
    if job["ParameterizedJob"] is not None:
        job["ParameterizedJob"] = _filled(defaults.PARAMETERIZED, job["ParameterizedJob"])
    return job


def same_specification(a: Json, b: Json) -> bool:
    """Nomad's `!SpecChanged`: equal except for status, stability, version, indexes and submit time."""
    return all(a[key] == b[key] for key in a if key not in NOT_PART_OF_SPECIFICATION)


def _update_of_job(job: Json) -> Json | None:
    if job["Type"] not in ("service", "system") and job["Update"] is None:
        return None
    return _filled(defaults.UPDATE, _given(job["Update"]))


def _group(posted: Json, job: Json, job_update: Json | None) -> Json:
    group = _filled(defaults.GROUP, posted)
    kind = job["Type"]
    family = "batch" if kind in ("batch", "sysbatch") else "service"
    group["EphemeralDisk"] = _filled(defaults.EPHEMERAL_DISK, group["EphemeralDisk"])
    group["RestartPolicy"] = _filled(defaults.RESTART[family], group["RestartPolicy"])
    if kind in ("service", "batch"):
        group["ReschedulePolicy"] = _filled(defaults.RESCHEDULE[kind], group["ReschedulePolicy"])
    if kind == "service":
        group["Migrate"] = _filled(defaults.MIGRATE, group["Migrate"])
    if kind in ("service", "system"):
        group["Update"] = _filled(_filled(defaults.UPDATE, job_update), group["Update"])
    group["Tasks"] = [_task(task, group["RestartPolicy"]) for task in group["Tasks"] or ()] or None
    _add_implicit_constraints(group)
    return group


def _task(posted: Json, restart: Json) -> Json:
    task = _filled(defaults.TASK, posted)
    task["Identity"] = _filled(defaults.IDENTITY, task["Identity"])
    task["Identity"]["Name"] = task["Identity"]["Name"] or "default"
    task["LogConfig"] = _filled(defaults.LOG_CONFIG, task["LogConfig"])
    task["Resources"] = _filled(defaults.RESOURCES, task["Resources"])
    task["RestartPolicy"] = _filled(restart, task["RestartPolicy"])
    if task["Identities"]:
        task["Identities"] = [
            _filled({**defaults.IDENTITY, "Name": "", "Audience": None}, i) for i in task["Identities"]
        ]
    return task


def add_implied(job: Json, implied: list[Json]) -> None:
    """Add the constraints that a newer Nomad demands to each group, each once."""
    for group in job["TaskGroups"] or () if implied else ():
        missing = [dict(each) for each in implied if each not in (group["Constraints"] or ())]
        group["Constraints"] = [*(group["Constraints"] or ()), *missing] or None


def _add_implicit_constraints(group: Json) -> None:
    """Add the signal constraint once, and the identity constraint at EVERY registration.

    Nomad does not check for a copy of the latter, so their number grows.
    """
    constraints = list(group["Constraints"] or ())
    tasks = group["Tasks"] or ()
    signals = sorted({task["KillSignal"] for task in tasks if task["KillSignal"]})
    if signals:
        signal = {"LTarget": "${attr.os.signals}", "Operand": "set_contains", "RTarget": ",".join(signals)}
        if signal not in constraints:
            constraints.append(signal)
    services = [*(group["Services"] or ()), *(s for task in tasks for s in task["Services"] or ())]
    if any(task["Identities"] for task in tasks) or any(service.get("Identity") for service in services):
        constraints.append(dict(IDENTITY_CONSTRAINT))
    group["Constraints"] = constraints or None


def _filled(template: Json | None, given: Any) -> Json:
    """The template's keys with the given values. Unknown keys are dropped, as by Go's decoder; empty collections
    become null.
    """
    template = template or {}
    if not isinstance(given, dict):
        return dict(template)
    return {
        key: default if (value := given.get(key)) is None else (None if value in ([], {}) else value)
        for key, default in template.items()
    }


def _given(block: Json | None) -> Json | None:
    """The given values of the job's Update block. As read from Nomad, it has only two real fields."""
    if block is None or block.get("HealthCheck") != "":
        return block
    return {"MaxParallel": block.get("MaxParallel"), "Stagger": block.get("Stagger") or None}
