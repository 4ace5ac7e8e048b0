"""Turns decisions into one job patch: which tasks change to which image. Pure."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.decision import Deploy
from app.domain.history import History, normalised, specified
from app.domain.job import JobPatch, JobState, SpecifiedTask, TaskChange, TaskKey
from app.domain.reference import Reference
from app.domain.watch import DeployBy, Watch


def task_changes(
    watch: Watch, tasks: Sequence[SpecifiedTask], deploy: Deploy, *, history: History, forced: bool, rollout_id: UUID
) -> Mapping[TaskKey, TaskChange]:
    """The edits that change the watch's tasks to the decided image.

    A task that already runs it stays unchanged, unless the deploy is forced. If the image text alone would not change
    the job (forced, or by tag), a marker does; it is a pure function of the rollout's id.
    """
    changes: dict[TaskKey, TaskChange] = {}
    deploy_by = DeployBy.DIGEST if deploy.by_digest else watch.deploy_by
    by_tag = deploy_by is DeployBy.TAG
    for task in tasks:
        written = task.written(tag=deploy.tag, digest=deploy.digest, deploy_by=deploy_by)
        image = deploy.former.get(str(task.key), written)
        runs = specified(task, history).digest in deploy.children | {deploy.digest}
        if runs and not forced:
            continue
        changes[task.key] = TaskChange(
            image=image,
            marker=rollout_id.hex if by_tag or image == task.image else None,
            force_pull=by_tag and task.can_force_pull,
        )
    return changes


def identity_after(task: SpecifiedTask, change: TaskChange) -> str:
    """The normalised image of the task after the change."""
    return normalised(Reference.parse(change.image.removeprefix(task.prefix)))


def patch(job: JobState, changes: Mapping[TaskKey, TaskChange]) -> JobPatch:
    """One patch of all changes; it is valid only while the job has the index at which it was read."""
    return JobPatch(changes=changes, expected_index=job.index)
