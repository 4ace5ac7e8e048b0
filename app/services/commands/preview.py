"""What a person's word would change in the job, by Nomad's own plan. Nothing is stored, nothing is rung."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from app.domain.decision import Deploy
from app.domain.decision_table import obstacle
from app.domain.history import running
from app.domain.job import JobState, Preview, RunningTask, TaskChange, TaskKey
from app.domain.rollout import Origin
from app.domain.watch import Watch
from app.errors import Rejected
from app.services.commands import live, rollouts, watches
from app.services.commands.rollout_commands import Destination
from app.services.commands.watch_commands import CurrentRule, DeployRequest
from app.services.commands.watches import Operator
from app.services.reconcile import patch


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """A task's image now, and what it would be."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPreview:
    """What would happen, in a sentence, per "group/task", and by Nomad's plan; `digest` is what would run, "" when that
    is several or unknown."""

    message: str
    digest: str = ""
    changes: Mapping[str, ImageChange] = field(default_factory=dict)
    preview: Preview = field(default_factory=Preview)


async def preview_rule(
    operator: Operator, repo: str, *, pinned_tag: str | None = None, auto_deploy: bool | None = None
) -> CommandPreview:
    """What `operate.set_rule` would change. Raises as it does, and Rejected (409) where the job cannot be deployed,
    NomadUnavailable, NomadDenied, JobChanged or JobRejected."""
    watches.require_a_part(pinned_tag, auto_deploy)
    standing = await watches.find(operator, repo)
    if pinned_tag is None:
        return CommandPreview(
            message=f"Auto deployment would be set to {str(auto_deploy).lower()}; "
            "that by itself changes no job, and the next look decides by the rule"
        )
    deploy_request = await live.deploy_request(operator.registries, standing, pinned_tag, origin=Origin.DEPLOY)
    return await _preview(operator, standing, deploy_request)


async def preview_reset(operator: Operator, repo: str) -> CommandPreview:
    """What `operate.reset` would change. Raises as `preview_rule`."""
    standing = await watches.find(operator, repo)
    return await _preview(
        operator, standing, await live.deploy_request(operator.registries, standing, "", origin=Origin.RESET)
    )


async def preview_redeploy(operator: Operator, repo: str, tag: str) -> CommandPreview:
    """What `operate.redeploy` would change. Raises as `preview_rule`."""
    standing = await watches.find(operator, repo)
    return await _preview(operator, standing, await watches.redeploy_request(operator, standing, tag))


async def preview_rollback(operator: Operator, rollout_id: UUID) -> CommandPreview:
    """What `steer.rollback` would change. Raises as it does, and as `preview_rule` where the job cannot be deployed."""
    past = await rollouts.revertible_of(operator, rollout_id)
    if past.undoing:
        return CommandPreview(message=f"{past.undoing} is on its way back already; nothing more would change")
    destinations = await rollouts.destinations_of(operator, past)
    job = await operator.deployer.inspect(destinations[0].watch.place)
    changes: dict[TaskKey, TaskChange] = {}
    for each in destinations:
        standing = await watches.find(operator, each.watch.name)
        deploy = await _way_back(operator, standing, each, _tasks(standing.watch, job))
        changes.update(_changes(standing, deploy, job, forced=False))
    what = ", ".join(each.what for each in destinations)
    return await _planned(operator, destinations[0].watch, job, changes, what=what, doing=f"go back to {what}")


async def _preview(operator: Operator, standing: CurrentRule, deploy_request: DeployRequest | None) -> CommandPreview:
    if deploy_request is None:
        return CommandPreview(message=watches.NO_RELEASE)
    watch = standing.watch
    job = await operator.deployer.inspect(watch.place)
    deploy = await _deploy(operator, standing, deploy_request, _tasks(watch, job))
    changes = _changes(standing, deploy, job, forced=deploy_request.forced)
    planned = await _planned(
        operator, watch, job, changes, what=deploy_request.tag, doing=f"deploy {deploy_request.tag}"
    )
    return replace(planned, digest=deploy_request.digest)


def _tasks(watch: Watch, job: JobState | None) -> Sequence[RunningTask]:
    """The watch's tasks in the job; Rejected (409) where they cannot be deployed."""
    unusable = obstacle(watch, job)
    if unusable or job is None:
        raise Rejected(unusable, status=409)
    return job.selected(watch.task, watch.group)


def _changes(
    standing: CurrentRule, deploy: Deploy, job: JobState | None, *, forced: bool
) -> Mapping[TaskKey, TaskChange]:
    """As a look would: what failed stands in the job, maybe, and only a marker makes Nomad try it again."""
    history = standing.history
    forced = forced or deploy.digest in history.failed | history.released
    tasks = _tasks(standing.watch, job)
    return patch.task_changes(standing.watch, tasks, deploy, history=history, forced=forced, rollout_id=uuid4())


async def _planned(
    operator: Operator,
    watch: Watch,
    job: JobState | None,
    changes: Mapping[TaskKey, TaskChange],
    *,
    what: str,
    doing: str,
) -> CommandPreview:
    if job is None or not changes:
        return CommandPreview(message=f"{what} already runs; nothing would change")
    preview = await operator.deployer.preview(watch.place, patch.patch(job, changes))
    return CommandPreview(message=_message(what, doing, preview), changes=_images(job.tasks, changes), preview=preview)


async def _deploy(
    operator: Operator, standing: CurrentRule, deploy_request: DeployRequest, tasks: Sequence[RunningTask]
) -> Deploy:
    """The decision that a person's word is; the index's own digests only matter where something else runs."""
    children: frozenset[str] = frozenset()
    if not deploy_request.forced:
        children = await _children(operator, standing, deploy_request.digest, tasks)
    return Deploy(tag=deploy_request.tag, digest=deploy_request.digest, message="", children=children)


async def _way_back(operator: Operator, standing: CurrentRule, to: Destination, tasks: Sequence[RunningTask]) -> Deploy:
    """As a look goes back: by the digest, or as the image was spelled where its tag still means the same."""
    shows = bool(to.tag) and await live.has_tag(operator.registries, to.watch, to.tag) == to.digest
    return Deploy(
        tag=to.tag,
        digest=to.digest,
        message="",
        children=await _children(operator, standing, to.digest, tasks),
        by_digest=True,
        former={key: image for key, image in to.former.items() if shows or to.digest in image},
    )


async def _children(
    operator: Operator, standing: CurrentRule, digest: str, tasks: Sequence[RunningTask]
) -> frozenset[str]:
    if any(running(task, standing.history).digest not in ("", digest) for task in tasks):
        return await live.children(operator.registries, standing.watch, digest)
    return frozenset()


def _message(what: str, doing: str, preview: Preview) -> str:
    if preview.foreign:
        return (
            f"{what} would not be registered: Nomad's plan changes more than was asked; see drift, "
            "and look again once the job is still"
        )
    if not preview.allowed:
        return f"Would {doing}; the token may not plan, so only the images are told: give it plan-job"
    return f"Would {doing}"


def _images(tasks: Sequence[RunningTask], changes: Mapping[TaskKey, TaskChange]) -> Mapping[str, ImageChange]:
    return {
        str(task.key): ImageChange(before=task.image, after=changes[task.key].image)
        for task in tasks
        if task.key in changes
    }
