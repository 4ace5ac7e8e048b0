"""Which image a Nomad task specifies, and whether it can be watched. Pure.

What each driver accepts: docker https://developer.hashicorp.com/nomad/docs/job-declare/task-driver/docker,
podman https://github.com/hashicorp/nomad-driver-podman, containerd https://github.com/Roblox/nomad-driver-containerd.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.job import ReferenceForm, SpecifiedTask, TaskKey
from app.domain.reference import Reference
from app.errors import InvalidReference


@dataclass(frozen=True, slots=True, kw_only=True)
class _Driver:
    """How a driver writes images. containerd pulls at every start, so it has no `force_pull`."""

    prefix: str = ""
    archives: tuple[str, ...] = ()
    form: ReferenceForm = ReferenceForm.TAG_AND_DIGEST
    can_force_pull: bool = True


_DRIVERS = {
    "docker": _Driver(prefix="https://"),
    "podman": _Driver(prefix="docker://", archives=("oci-archive:", "docker-archive:"), form=ReferenceForm.DIGEST_ONLY),
    "containerd-driver": _Driver(can_force_pull=False),
}
_PROXY_KINDS = ("connect-proxy:", "connect-ingress:", "connect-terminating:", "connect-mesh:")


class _NotWatchable(Exception):
    """Why the image of a task cannot be watched; the message is shown on the page."""


def tasks_of(job: Mapping[str, Any]) -> Iterator[tuple[TaskKey, Mapping[str, Any]]]:
    """Every task of the job with its place, in the order of the specification."""
    for group in job.get("TaskGroups") or ():
        for task in group.get("Tasks") or ():
            yield TaskKey(group=group["Name"], task=task["Name"]), task


def is_proxy(task: Mapping[str, Any]) -> bool:
    """True if Nomad added the task for Consul Connect; its image belongs to a user only where one was set."""
    return (task.get("Kind") or "").startswith(_PROXY_KINDS)


def specified_task(key: TaskKey, task: Mapping[str, Any]) -> SpecifiedTask:
    """Recognise the image of one task (docs/nomad.md, section 11). `problem` says why an image cannot be watched."""
    config = task.get("Config") or {}
    image = config.get("image")
    shown = image if isinstance(image, str) else ""
    driver = _DRIVERS.get(task.get("Driver") or "", _Driver())
    try:
        prefix, reference = _parsed(task, driver, config)
    except _NotWatchable as reason:
        return SpecifiedTask(key=key, image=shown, reference=None, problem=str(reason))
    return SpecifiedTask(
        key=key,
        image=shown,
        reference=reference,
        prefix=prefix,
        form=driver.form,
        can_force_pull=driver.can_force_pull,
    )


def _parsed(task: Mapping[str, Any], driver: _Driver, config: Mapping[str, Any]) -> tuple[str, Reference]:
    _refuse_foreign(task)
    image = config.get("image")
    if image is None or image == "":
        raise _NotWatchable("the task has no image; write one in its config")
    if not isinstance(image, str):
        raise _NotWatchable("the task's image is not a text; write one reference in its config")
    if "${" in image:
        raise _NotWatchable("the image is interpolated (${…}) when the task starts; write it out in the job")
    if image.startswith(driver.archives) or config.get("load"):
        raise _NotWatchable("the image is an archive, which no registry can update; name an image of a registry")
    prefix = driver.prefix if driver.prefix and image.startswith(driver.prefix) else ""
    try:
        return prefix, Reference.parse(image.removeprefix(prefix))
    except InvalidReference as error:
        raise _NotWatchable(f"the image cannot be read: {error}; correct it in the job") from error


def _refuse_foreign(task: Mapping[str, Any]) -> None:
    image = (task.get("Config") or {}).get("image")
    if is_proxy(task) and (not isinstance(image, str) or "${" in image):
        raise _NotWatchable(
            "the task is a proxy that Nomad puts in for Consul Connect; watch a task of your own, or give the proxy "
            "an image of your own in sidecar_task"
        )
    if task.get("Driver") not in _DRIVERS:
        raise _NotWatchable(
            f"the driver {task.get('Driver')!r} runs no image that can be changed; {', '.join(_DRIVERS)} do"
        )
