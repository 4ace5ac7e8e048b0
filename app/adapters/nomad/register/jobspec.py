"""The edit of a job: from the specification as Nomad gave it to the one that we post. Pure; it never logs a job,
since jobs hold secrets, and it changes nothing that the patch does not name.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.images import tasks_of
from app.domain.job import JobPatch, TaskChange, TaskKey
from app.errors import JobRejected

MARKER = "registrywatcher.rollout"

# The implicit-identities mutator appends this at every registration without looking whether it is there
# (nomad/job_endpoint_hook_implicit_identities.go): posting it back as read would grow the list by one each time.
IMPLICIT_CONSTRAINT = {"LTarget": "${attr.nomad.version}", "RTarget": ">= 1.7.0-a", "Operand": "semver"}


def edited(job: Mapping[str, Any], patch: JobPatch) -> dict[str, Any]:
    """A deep copy of `job` with the patch's images, markers and pulls, ready to post.

    Version and Stop stay as read: an invented Version is taken as it is, and a missing Stop would start the job.
    VersionTag goes: the new version would carry the tag twice. Raises JobRejected when a task is not there.
    """
    copy = deepcopy(dict(job))
    copy.pop("VersionTag", None)
    tasks = dict(tasks_of(copy))
    for key, change in patch.changes.items():
        if key not in tasks:
            raise JobRejected(refusals.no_task(str(job.get("ID")), str(key)))
        _apply(tasks[key], change)
    for group in copy.get("TaskGroups") or ():
        _edit_sidecars(group, patch)
        _strip_implicit_constraint(group)
    return copy


def carries(job: Mapping[str, Any], patch: JobPatch) -> bool:
    """Whether `job` has every image of the patch, and every marker that it gives."""
    tasks = dict(tasks_of(job))
    return all(key in tasks and _carries(tasks[key], change) for key, change in patch.changes.items())


def _apply(task: Any, change: TaskChange) -> None:
    config = task["Config"] = task.get("Config") or {}
    _set_image(config, change)
    if change.marker is not None:
        # Task-level on purpose: the job's own Meta is merged into every task and would restart every group.
        meta = task["Meta"] = task.get("Meta") or {}
        meta[MARKER] = change.marker


def _set_image(config: dict[str, Any], change: TaskChange) -> None:
    config["image"] = change.image
    if change.force_pull:
        config["force_pull"] = True


def _edit_sidecars(group: Mapping[str, Any], patch: JobPatch) -> None:
    """Where a proxy's image stands in its service's sidecar_task too: the server lays that over the task's own at
    every registration, so that the task's alone would change nothing."""
    ordered = {
        task.get("Kind"): patch.changes.get(TaskKey(group=group["Name"], task=task["Name"]))
        for task in group.get("Tasks") or ()
    }
    for service in group.get("Services") or ():
        config = ((service.get("Connect") or {}).get("SidecarTask") or {}).get("Config") or {}
        change = ordered.get(f"connect-proxy:{service.get('Name')}")
        if change is not None and "image" in config:
            _set_image(config, change)


def _carries(task: Mapping[str, Any], change: TaskChange) -> bool:
    has_image = (task.get("Config") or {}).get("image") == change.image
    return has_image and (change.marker is None or (task.get("Meta") or {}).get(MARKER) == change.marker)


def _strip_implicit_constraint(group: dict[str, Any]) -> None:
    """Drop every copy where the server puts one back; a user's own in a group without identities is left alone."""
    constraints = group.get("Constraints")
    if constraints and _has_identities(group):
        group["Constraints"] = [each for each in constraints if each != IMPLICIT_CONSTRAINT]


def _has_identities(group: Mapping[str, Any]) -> bool:
    tasks = group.get("Tasks") or ()
    services = [*(group.get("Services") or ()), *(each for task in tasks for each in task.get("Services") or ())]
    return any(task.get("Identities") for task in tasks) or any(service.get("Identity") for service in services)
