"""An ordinary job for tests and the demo, as a client posts it, not as the server stores it."""

from __future__ import annotations

from typing import Any

from app.simulators.nomad.defaults import SECOND
from app.simulators.nomad.refusal import Json


def sample_job(
    job_id: str,
    image: str,
    *,
    group: str = "app",
    task: str = "server",
    driver: str = "docker",
    count: int = 1,
    namespace: str = "default",
    kind: str = "service",
    max_parallel: int = 1,
    auto_revert: bool = False,
    canary: int = 0,
    meta: dict[str, str] | None = None,
    config: Json | None = None,
    **fields: Any,
) -> Json:
    """One group with one task. Its deployment fails at the first unhealthy allocation, not after rescheduling.

    config: more keys of the task's Config. fields: more or other keys of the job (Periodic, Stop, Multiregion, …).
    """
    update = {
        "MaxParallel": max_parallel, "HealthCheck": "task_states", "MinHealthyTime": SECOND,
        "HealthyDeadline": 15 * SECOND,
        "ProgressDeadline": 20 * SECOND, "AutoRevert": auto_revert, "Canary": canary,
    }  # fmt: skip
    only_group: Json = {
        "Name": group,
        "Count": count,
        "RestartPolicy": {"Attempts": 0, "Interval": 5 * SECOND, "Delay": SECOND, "Mode": "fail"},
        "Tasks": [
            {
                "Name": task,
                "Driver": driver,
                "Config": {"image": image, **(config or {})},
                "Meta": meta,
                "Resources": {"CPU": 50, "MemoryMB": 32},
            }
        ],
    }
    if kind in ("service", "system"):
        only_group["Update"] = update
    if kind in ("service", "batch"):
        only_group["ReschedulePolicy"] = {"Attempts": 0, "Unlimited": False}
    return {
        "ID": job_id,
        "Name": job_id,
        "Type": kind,
        "Namespace": namespace,
        "Datacenters": ["dc1"],
        "TaskGroups": [only_group],
        **fields,
    }
