"""Edits a job: from the specification as Nomad returned it to the one that we post. Pure.

Only what the patch names is changed. A job is never logged, since jobs hold secrets.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.images import tasks_of
from app.domain.job import JobPatch, TaskChange, TaskKey
from app.errors import JobRejected

MARKER = "registrywatcher.rollout"

# A mutator appends this at every registration without a check for copies (docs/nomad.md, section 4): posting the job
# back as read would add one copy each time.
IMPLICIT_CONSTRAINT = {"LTarget": "${attr.nomad.version}", "RTarget": ">= 1.7.0-a", "Operand": "semver"}


def edited(job: Mapping[str, Any], patch: JobPatch) -> dict[str, Any]:
    """A deep copy of `job` with the patch's images, markers and pulls, ready to post.

    Version and Stop stay as read: Nomad takes any larger Version, and a missing Stop would start the job. VersionTag is
    removed, because the new version would duplicate it (docs/nomad.md, section 4). Raises JobRejected when a task is
    missing.
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
    """True if `job` has every image of the patch, and every marker in it."""
    tasks = dict(tasks_of(job))
    return all(key in tasks and _carries(tasks[key], change) for key, change in patch.changes.items())


def has_images(job: Mapping[str, Any], patch: JobPatch) -> bool:
    """True if `job` has every image of the patch; whoever registers a job from its files drops our markers."""
    return carries(
        job, replace(patch, changes={key: replace(each, marker=None) for key, each in patch.changes.items()})
    )


def _apply(task: Any, change: TaskChange) -> None:
    config = task["Config"] = task.get("Config") or {}
    _set_image(config, change)
    if change.marker is not None:
        # In the task's Meta, because the job's Meta is merged into every task and would restart every group.
        meta = task["Meta"] = task.get("Meta") or {}
        meta[MARKER] = change.marker


def _set_image(config: dict[str, Any], change: TaskChange) -> None:
    config["image"] = change.image
    if change.force_pull:
        config["force_pull"] = True


def _edit_sidecars(group: Mapping[str, Any], patch: JobPatch) -> None:
    """Edit a proxy's image in its service's sidecar_task too: the server copies that one over the task's own image at
    every registration."""
    patched = {
        task.get("Kind"): patch.changes.get(TaskKey(group=group["Name"], task=task["Name"]))
        for task in group.get("Tasks") or ()
    }
    for service in group.get("Services") or ():
        config = ((service.get("Connect") or {}).get("SidecarTask") or {}).get("Config") or {}
        change = patched.get(f"connect-proxy:{service.get('Name')}")
        if change is not None and "image" in config:
            _set_image(config, change)


def _carries(task: Mapping[str, Any], change: TaskChange) -> bool:
    has_image = (task.get("Config") or {}).get("image") == change.image
    return has_image and (change.marker is None or (task.get("Meta") or {}).get(MARKER) == change.marker)


def _strip_implicit_constraint(group: dict[str, Any]) -> None:
    """Drop every copy where the server adds one again; a user's own in a group without identities stays."""
    constraints = group.get("Constraints")
    if constraints and _has_identities(group):
        group["Constraints"] = [each for each in constraints if each != IMPLICIT_CONSTRAINT]


def _has_identities(group: Mapping[str, Any]) -> bool:
    tasks = group.get("Tasks") or ()
    services = [*(group.get("Services") or ()), *(each for task in tasks for each in task.get("Services") or ())]
    return any(task.get("Identities") for task in tasks) or any(service.get("Identity") for service in services)
