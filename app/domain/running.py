"""What runs: the images of a watch's allocations, and whether the allocations that should run do. Pure.

The job's specification says what should run. Only allocations say what does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.domain.history import History, specified
from app.domain.job import Allocations, JobState, SpecifiedTask
from app.domain.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningImage:
    """An image with the number of its allocations; counted as in `Allocations`.

    `tag` and `digest` are "" if unknown: both if Nomad no longer keeps the version of the job, or if the image is of
    another repository.
    """

    tag: str = ""
    digest: str = ""
    running: int = 0
    canaries: int = 0
    starting: int = 0
    stopping: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How many allocations of the specified version run, and how many should."""

    running: int
    count: int

    @property
    def is_complete(self) -> bool:
        """Whether every allocation that should run does; also if none should."""
        return self.running >= self.count


def running_images(watch: Watch, job: JobState, history: History) -> tuple[RunningImage, ...]:
    """The images that the watch's allocations run, from the oldest version of the job to the newest."""
    found: dict[tuple[str, str], RunningImage] = {}
    for each, task in sorted(_watched(watch, job), key=lambda pair: pair[0].version):
        image = specified(task, history) if task is not None and _is_of(task, watch) else None
        key = (image.tag, image.digest) if image else ("", "")
        before = found.get(key, RunningImage(tag=key[0], digest=key[1]))
        found[key] = replace(
            before,
            running=before.running + each.running,
            canaries=before.canaries + each.canaries,
            starting=before.starting + each.starting,
            stopping=before.stopping + each.stopping,
        )
    return tuple(found.values())


def extent_of(watch: Watch, job: JobState) -> Extent:
    """How far the specified version runs, over the groups with the watched task.

    It is compared by the job's version, not by the image: the same tag may be other bytes.
    """
    groups = {task.key.group for task in job.selected(watch.task, watch.group)}
    counts = {group: job.placement.counts.get(group, 0) for group in groups}
    current = [each for each in job.placement.allocations if each.group in groups and each.version == job.version]
    running = dict.fromkeys(groups, 0)
    for each in current:
        running[each.group] += each.running
    return Extent(running=sum(min(running[group], counts[group]) for group in groups), count=sum(counts.values()))


def _is_of(task: SpecifiedTask, watch: Watch) -> bool:
    return task.reference is not None and task.reference.repository == watch.repository


def _watched(watch: Watch, job: JobState) -> Iterator[tuple[Allocations, SpecifiedTask | None]]:
    """The allocations of the watch, with its task in their version; None if Nomad no longer keeps the version."""
    groups = {task.key.group for task in job.selected(watch.task, watch.group)}
    for each in job.placement.allocations:
        task = next((task for task in each.tasks if task.key.task == watch.task), None)
        in_group = watch.group in (None, each.group)
        if (in_group and task is not None) or (not each.tasks and each.group in groups):
            yield each, task
