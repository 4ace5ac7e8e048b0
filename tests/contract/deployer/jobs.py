"""Specifications for the contract: as a client posts them, with quick verdicts, and cheap to run."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Json = dict[str, Any]
SECOND = 1_000_000_000
GROUP, TASK = "app", "server"

# The fields that every registration changes.
MOVING = (
    "Version",
    "JobModifyIndex",
    "ModifyIndex",
    "SubmitTime",
    "Stable",
    "Status",
    "StatusDescription",
    "NomadTokenID",
)
NOWHERE = {"LTarget": "${node.class}", "RTarget": "nowhere", "Operand": "="}


def task(image: str, *, name: str = TASK, driver: str = "docker", memory: int = 16, **fields: Any) -> Json:
    """One task; docker's host network, since an agent for tests may have no bridge."""
    config = {"image": image, **({"network_mode": "host"} if driver == "docker" else {})}
    return {
        "Name": name,
        "Driver": driver,
        "Config": config,
        "Resources": {"CPU": 20, "MemoryMB": memory},
        "KillTimeout": SECOND,
        "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1},
        **fields,
    }


def group(*tasks: Json, name: str = GROUP, count: int = 1, **fields: Any) -> Json:
    """One group that neither restarts nor reschedules."""
    return {
        "Name": name,
        "Count": count,
        "Tasks": list(tasks),
        "RestartPolicy": {"Attempts": 0, "Interval": 5 * SECOND, "Delay": SECOND, "Mode": "fail"},
        "EphemeralDisk": {"SizeMB": 10},
        **fields,
    }


def update(**fields: Any) -> Json:
    """An update policy whose deployments end within seconds."""
    return {
        "MaxParallel": 1,
        "HealthCheck": "task_states",
        "MinHealthyTime": 2 * SECOND,  # longer than a container takes to crash, and a busy agent to notice
        "HealthyDeadline": 16 * SECOND,  # a busy agent takes seconds to start a container
        "ProgressDeadline": 20 * SECOND,
        "Stagger": SECOND,
        "AutoRevert": False,
        "AutoPromote": False,
        "Canary": 0,
        **fields,
    }


def job(*groups: Json, kind: str = "service", **fields: Any) -> Json:
    """Any job. Jobs.start gives it an id."""
    return {"Type": kind, "Datacenters": ["*"], "Namespace": "default", "TaskGroups": list(groups), **fields}


def service(image: str, *, count: int = 1, memory: int = 16, **policy: Any) -> Json:
    """A service job of one group with one task; `policy` are fields of its update block."""
    rescheduling = {"Attempts": 0, "Unlimited": False}
    return job(group(task(image, memory=memory), count=count, Update=update(**policy), ReschedulePolicy=rescheduling))


def batch(image: str, **fields: Any) -> Json:
    """A batch job that runs one time."""
    return job(group(task(image), ReschedulePolicy={"Attempts": 0, "Unlimited": False}), kind="batch", **fields)


def unplaced(*groups: Json, **fields: Any) -> Json:
    """A job that no node may run, for tests of its specification."""
    return job(*groups, Constraints=[NOWHERE], **fields)


def constrained(job: Json, attribute: str, value: str) -> Json:
    """The same job with a constraint: the attribute must have this value."""
    constraint = {"LTarget": attribute, "RTarget": value, "Operand": "="}
    return {**job, "Constraints": [*(job.get("Constraints") or ()), constraint]}


def only_task(job: Json) -> Json:
    """The image of a job with one group and one task."""
    found: Json = job["TaskGroups"][0]["Tasks"][0]
    return found


def compared(job: Json) -> Json:
    """The part of a job that an update must not change.

    That is all but the fields that each registration sets, the images, force_pull and our marker. The constraint that
    Nomad adds at each registration counts one time.
    """
    kept = deepcopy({key: value for key, value in job.items() if key not in (*MOVING, "VersionTag")})
    for each in kept["TaskGroups"]:
        implicit = {"LTarget": "${attr.nomad.version}", "RTarget": ">= 1.7.0-a", "Operand": "semver"}
        if implicit in (each["Constraints"] or ()):
            each["Constraints"] = [*(c for c in each["Constraints"] if c != implicit), implicit]
        connects = [service.get("Connect") or {} for service in each["Services"] or ()]
        sidecars = [connect["SidecarTask"] for connect in connects if connect.get("SidecarTask")]
        for one in (*each["Tasks"], *sidecars):
            config, meta = one["Config"] or {}, one["Meta"] or {}
            one["Config"] = {key: value for key, value in config.items() if key not in ("image", "force_pull")}
            one["Meta"] = {key: value for key, value in meta.items() if key != "registrywatcher.rollout"}
    return kept
