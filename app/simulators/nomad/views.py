"""Nomad's JSON of its rows.

Evaluations and whole allocations omit empty keys; deployments, jobs and allocation stubs are shown in full
(docs/nomad.md, section 1).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.simulators.nomad.defaults import RESOURCES
from app.simulators.nomad.outcome import placed_metric
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.release import SimulatedVersion
from app.simulators.nomad.tables import Allocation, Deployment, Evaluation, JobRecord, TableRow, TaskEvent, TaskState

FLAT_EVENT: Json = {
    "DiskLimit": 0, "DownloadError": "", "DriverError": "", "DriverMessage": "", "ExitCode": 0, "FailedSibling": "",
    "FailsTask": False, "GenericSource": "", "KillError": "", "KillReason": "", "KillTimeout": 0, "Message": "",
    "RestartReason": "", "SetupError": "", "Signal": 0, "StartDelay": 0, "TaskSignal": "", "TaskSignalReason": "",
    "ValidationError": "", "VaultError": "",
}  # fmt: skip
NETWORK: Json = {"Address": "", "AddressIPv6": "", "DNS": None, "InterfaceName": ""}
SIGNING_KEY = "6a1f6d3e-52a4-4a0e-8f0e-3d0e5b1c7f20"
TRANSITION = dict.fromkeys(("ForceReschedule", "Migrate", "MigrateDisablePlacement", "NoShutdownDelay", "Reschedule"))


def nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def go_time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def job(stored: Json, release: SimulatedVersion) -> Json:
    return release.job(stored)


def evaluation(row: Evaluation, release: SimulatedVersion) -> Json:
    shown = _without_empty(
        {
            **_row(row),
            "BlockedEval": row.blocked_eval,
            "ClassEligibility": {"v1:1": False} if row.triggered_by == "queued-allocs" else None,
            "DeploymentID": row.deployment_id,
            "FailedTGAllocs": row.failed_groups,
            "JobModifyIndex": row.job_modify_index,
            "NextEval": row.next_eval,
            "PlanAnnotations": row.annotations,
            "PreviousEval": row.previous_eval,
            "Priority": row.priority,
            "QueuedAllocations": row.queued,
            "SnapshotIndex": row.snapshot_index,
            "Status": row.status,
            "StatusDescription": row.description,
            "TriggeredBy": row.triggered_by,
            "Type": row.type,
            "Wait": nanoseconds(row.wait),
        }
    )
    return release.evaluation(shown)


def deployment(row: Deployment) -> Json:
    groups = {
        name: {
            "AutoPromote": p.auto_promote, "AutoRevert": p.auto_revert, "DesiredCanaries": p.desired_canaries,
            "DesiredTotal": p.desired_total, "HealthyAllocs": p.healthy, "PlacedAllocs": p.placed,
            "PlacedCanaries": p.placed_canaries or None, "ProgressDeadline": p.progress_deadline,
            "Promoted": p.promoted,
            "RequireProgressBy": go_time(p.require_progress_by), "UnhealthyAllocs": p.unhealthy,
        }
        for name, p in row.groups.items()
    }  # fmt: skip
    return {
        **_row(row), "EvalPriority": row.priority, "IsMultiregion": False, "JobCreateIndex": row.job_create_index,
        "JobModifyIndex": row.job_modify_index, "JobSpecModifyIndex": row.job_spec_modify_index,
        "JobVersion": row.job_version,
        "Status": row.status, "StatusDescription": row.description, "TaskGroups": groups,
    }  # fmt: skip


def allocation_stub(row: Allocation, release: SimulatedVersion) -> Json:
    shown = {
        **_row(row), "NodeID": row.node.id, "NodeName": row.node.name,
        "ClientDescription": row.client_description, "ClientStatus": row.client_status,
        "DeploymentStatus": _health(row), "DesiredDescription": row.desired_description,
        "DesiredStatus": row.desired_status,
        "DesiredTransition": TRANSITION, "EvalID": row.eval_id, "FollowupEvalID": "", "JobType": row.job["Type"],
        "JobVersion": row.version, "Name": _name(row), "NextAllocation": row.next,
        "PreemptedAllocations": None, "PreemptedByAllocation": "", "RescheduleTracker": None, "TaskGroup": row.group,
        "TaskStates": {name: _task(state) for name, state in row.tasks.items()} or None,
    }  # fmt: skip
    return release.allocation(shown)


def allocation(row: Allocation, release: SimulatedVersion) -> Json:
    """The whole allocation, with its job and its resources."""
    stub = allocation_stub(row, release)
    for only_in_stub in ("JobType", "JobVersion", "DesiredTransition"):
        del stub[only_in_stub]
    return _without_empty(
        {
            **stub,
            **_given(row, release),
            "Metrics": release.metric(placed_metric()),
            "AllocModifyIndex": row.create_index,
            "DeploymentID": row.deployment_id,
            "Job": release.job(row.job),
            "PreviousAllocation": row.previous,
        }
    )


def _given(row: Allocation, release: SimulatedVersion) -> Json:
    group = next(each for each in row.job["TaskGroups"] if each["Name"] == row.group)
    tasks = {task["Name"]: release.resources(task["Resources"]) for task in group["Tasks"] or ()}
    disk = (group["EphemeralDisk"] or {}).get("SizeMB") or 0
    nothing = dict.fromkeys(RESOURCES, 0) | dict.fromkeys(("Devices", "NUMA", "Networks"))
    memory = sum(each["MemoryMB"] for each in tasks.values())
    total = {"CPU": sum(each["CPU"] for each in tasks.values()), "MemoryMB": memory, "MemoryMaxMB": memory}
    return {
        "AllocatedResources": {
            "Shared": {"DiskMB": disk, "Networks": None, "Ports": None},
            "TaskLifecycles": {task["Name"]: task["Lifecycle"] for task in group["Tasks"] or ()},
            "Tasks": {
                name: {
                    "Cpu": {"CpuShares": each["CPU"], "ReservedCores": None}, "Devices": None,
                    "Memory": {"MemoryMB": each["MemoryMB"], "MemoryMaxMB": each["MemoryMaxMB"]}, "Networks": None,
                }
                for name, each in tasks.items()
            },
        },
        "NetworkStatus": release.resources(NETWORK) if row.tasks else None,
        "Resources": release.resources({**nothing, "DiskMB": disk, **total}),
        "SharedResources": release.resources({**nothing, "DiskMB": disk}),
        "SigningKeyID": SIGNING_KEY,
        "TaskResources": tasks,
    }  # fmt: skip


def _name(row: Allocation) -> str:
    """The name of an allocation. For a job that runs once on each node, its position is always 0."""
    position = 0 if row.job["Type"] in ("system", "sysbatch") else row.position
    return f"{row.job_id}.{row.group}[{position}]"


def job_stub(record: JobRecord, *, meta: bool = False) -> Json:
    job = record.current
    kept = (
        "CreateIndex", "Datacenters", "ID", "JobModifyIndex", "ModifyIndex", "Multiregion", "Name", "Namespace",
        "NodePool",
        "ParentID", "Priority", "Status", "StatusDescription", "Stop", "SubmitTime", "Type",
    )  # fmt: skip
    stub = {key: job[key] for key in kept}
    stub |= {
        "JobSummary": summary(record),
        "ParameterizedJob": bool(job["ParameterizedJob"]),
        "Periodic": bool(job["Periodic"]),
    }
    return {**stub, "Meta": job["Meta"]} if meta else stub


def summary(record: JobRecord) -> Json:
    job = record.current
    counts = {
        group["Name"]: dict.fromkeys(("Complete", "Failed", "Lost", "Queued", "Running", "Starting", "Unknown"), 0)
        for group in job["TaskGroups"]
    }
    names = {"pending": "Starting", "running": "Running", "complete": "Complete", "failed": "Failed", "lost": "Lost"}
    for row in record.allocations.values():
        if row.group in counts:
            counts[row.group][names[row.client_status]] += 1
    return {
        "Children": {"Dead": 0, "Pending": 0, "Running": 0}, "CreateIndex": job["CreateIndex"], "JobID": record.id,
        "ModifyIndex": job["ModifyIndex"], "Namespace": record.namespace, "Summary": counts,
    }  # fmt: skip


def scale_status(record: JobRecord) -> Json:
    job, allocations = record.current, list(record.allocations.values())
    groups = {}
    for group in job["TaskGroups"]:
        ours = [row for row in allocations if row.group == group["Name"] and not row.terminal]
        groups[group["Name"]] = {
            "Desired": group["Count"], "Events": None, "Healthy": sum(row.healthy is True for row in ours),
            "Placed": len(ours), "Running": sum(row.client_status == "running" for row in ours),
            "Unhealthy": sum(row.healthy is False for row in ours),
        }  # fmt: skip
    return {
        "JobCreateIndex": job["CreateIndex"], "JobID": record.id, "JobModifyIndex": job["JobModifyIndex"],
        "JobStopped": job["Stop"], "Namespace": record.namespace, "TaskGroups": groups,
    }  # fmt: skip


def _row(row: TableRow) -> Json:
    return {
        "CreateIndex": row.create_index, "CreateTime": nanoseconds(row.create_time), "ID": row.id, "JobID": row.job_id,
        "ModifyIndex": row.modify_index, "ModifyTime": nanoseconds(row.modify_time), "Namespace": row.namespace,
    }  # fmt: skip


def _health(row: Allocation) -> Json | None:
    if row.healthy is None and not row.canary:
        return None
    return {
        "Canary": row.canary, "Healthy": row.healthy, "ModifyIndex": row.health_index,
        "Timestamp": go_time(row.health_time),
    }  # fmt: skip


def _task(state: TaskState) -> Json:
    return {
        "Events": [_event(event) for event in state.events], "Failed": state.failed,
        "FinishedAt": go_time(state.finished_at),
        "LastRestart": None, "Paused": "", "Restarts": 0, "StartedAt": go_time(state.started_at), "State": state.state,
    }  # fmt: skip


def _event(event: TaskEvent) -> Json:
    return {
        **FLAT_EVENT, **event.extra, "Details": event.details, "DisplayMessage": event.message,
        "Time": nanoseconds(event.time),
        "Type": event.type,
    } | ({"Message": event.details["message"]} if "message" in event.details else {})  # fmt: skip


def _without_empty(shown: dict[str, Any]) -> Json:
    return {key: value for key, value in shown.items() if value not in (None, "", 0, [], {})}
