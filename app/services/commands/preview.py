"""What a command would change in the job, by Nomad's own plan. Stores nothing and wakes nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from app.domain.decision import Deploy
from app.domain.decision_table import obstacle
from app.domain.history import specified
from app.domain.job import JobState, Preview, SpecifiedTask, TaskChange, TaskKey
from app.domain.rollout import Origin
from app.domain.undo import Candidate, goal
from app.domain.watch import Watch
from app.errors import Rejected
from app.services.commands import live, rollouts, watches
from app.services.commands.live import NothingToFollow
from app.services.commands.rollout_commands import Destination
from app.services.commands.watch_commands import CurrentRule, DeployRequest
from app.services.commands.watches import Operator
from app.services.reconcile import patch


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """A task's image now, and after the command."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPreview:
    """What a command would change: in a sentence, per "group/task", and by Nomad's plan.

    `digest` is the digest that would run, "" if there are several or it is unknown. For a rollback, `goal` is the image
    that it restores, and `cautions` are what a person should know before.
    """

    message: str
    digest: str = ""
    changes: Mapping[str, ImageChange] = field(default_factory=dict)
    preview: Preview = field(default_factory=Preview)
    goal: str = ""
    cautions: tuple[str, ...] = ()


async def preview_rule(
    operator: Operator, repo: str, *, pinned_tag: str | None = None, auto_deploy: bool | None = None
) -> CommandPreview:
    """What `watches.set_rule` would change. Raises as it does, and Rejected (409) if the job cannot be deployed,
    NomadUnavailable, NomadDenied, JobChanged or JobRejected."""
    watches.require_a_part(pinned_tag, auto_deploy)
    current = await watches.find(operator, repo)
    if pinned_tag is None:
        return CommandPreview(
            message=f"Auto deployment would be set to {str(auto_deploy).lower()}; "
            "that by itself changes no job, and the next check decides by the rule"
        )
    deploy_request = await live.deploy_request(operator.registries, current, pinned_tag, origin=Origin.DEPLOY)
    return await _preview(operator, current, deploy_request)


async def preview_reset(operator: Operator, repo: str) -> CommandPreview:
    """What `watches.reset` would change. Raises as `preview_rule`."""
    current = await watches.find(operator, repo)
    return await _preview(
        operator, current, await live.deploy_request(operator.registries, current, "", origin=Origin.RESET)
    )


async def preview_redeploy(operator: Operator, repo: str, tag: str) -> CommandPreview:
    """What `watches.redeploy` would change. Raises as `preview_rule`."""
    current = await watches.find(operator, repo)
    return await _preview(operator, current, await watches.redeploy_request(operator, current, tag))


async def preview_rollback(operator: Operator, rollout_id: UUID) -> CommandPreview:
    """What `rollouts.rollback` would change. Raises as it does, and as `preview_rule` if the job cannot be deployed."""
    revertible = await rollouts.revertible_of(operator, rollout_id)
    if revertible.undoing:
        return CommandPreview(message=f"The rollback to {revertible.undoing} is under way; nothing more would change")
    destinations = await rollouts.destinations_of(operator, revertible)
    job = await operator.deployer.inspect(destinations[0].watch.place)
    changes: dict[TaskKey, TaskChange] = {}
    for each in destinations:
        current = await watches.find(operator, each.watch.name)
        deploy = await _rollback(operator, current, each, _tasks(current.watch, job))
        changes.update(_changes(current, deploy, job, forced=False))
    what = ", ".join(each.what for each in destinations)
    planned = await _planned(operator, destinations[0].watch, job, changes, what=what, doing=f"roll back to {what}")
    images = [(each.watch.name, Candidate(tag=each.tag, digest=each.digest)) for each in destinations]
    return replace(planned, goal=goal(images), cautions=rollouts.cautions(destinations))


async def _preview(
    operator: Operator, current: CurrentRule, deploy_request: DeployRequest | NothingToFollow
) -> CommandPreview:
    if isinstance(deploy_request, NothingToFollow):
        return CommandPreview(message=watches.following(deploy_request))
    watch = current.watch
    job = await operator.deployer.inspect(watch.place)
    deploy = await _deploy(operator, current, deploy_request, _tasks(watch, job))
    changes = _changes(current, deploy, job, forced=deploy_request.forced)
    planned = await _planned(
        operator, watch, job, changes, what=deploy_request.tag, doing=f"deploy {deploy_request.tag}"
    )
    return replace(planned, digest=deploy_request.digest)


def _tasks(watch: Watch, job: JobState | None) -> Sequence[SpecifiedTask]:
    """The watch's tasks in the job; Rejected (409) if they cannot be deployed."""
    unusable = obstacle(watch, job)
    if unusable or job is None:
        raise Rejected(unusable, status=409)
    return job.selected(watch.task, watch.group)


def _changes(
    current: CurrentRule, deploy: Deploy, job: JobState | None, *, forced: bool
) -> Mapping[TaskKey, TaskChange]:
    """As a reconcile would: the job may still specify what failed, and only a marker makes Nomad try that again."""
    history = current.history
    forced = forced or deploy.digest in history.given_up
    tasks = _tasks(current.watch, job)
    return patch.task_changes(current.watch, tasks, deploy, history=history, forced=forced, rollout_id=uuid4())


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
    operator: Operator, current: CurrentRule, deploy_request: DeployRequest, tasks: Sequence[SpecifiedTask]
) -> Deploy:
    """The decision that a command is; an index's own digests only matter if something else runs."""
    children: frozenset[str] = frozenset()
    if not deploy_request.forced:
        children = await _children(operator, current, deploy_request.digest, tasks)
    return Deploy(tag=deploy_request.tag, digest=deploy_request.digest, message="", children=children)


async def _rollback(
    operator: Operator, current: CurrentRule, to: Destination, tasks: Sequence[SpecifiedTask]
) -> Deploy:
    """As a reconcile rolls back: by the digest, or by the image's former spelling if its tag still has that digest."""
    same = bool(to.tag) and await live.digest_of(operator.registries, to.watch, to.tag) == to.digest
    return Deploy(
        tag=to.tag,
        digest=to.digest,
        message="",
        children=await _children(operator, current, to.digest, tasks),
        by_digest=True,
        former={key: image for key, image in to.former.items() if same or to.digest in image},
    )


async def _children(
    operator: Operator, current: CurrentRule, digest: str, tasks: Sequence[SpecifiedTask]
) -> frozenset[str]:
    if any(specified(task, current.history).digest not in ("", digest) for task in tasks):
        return await live.children(operator.registries, current.watch, digest)
    return frozenset()


def _message(what: str, doing: str, preview: Preview) -> str:
    if preview.foreign:
        return (
            f"{what} would not be registered: Nomad's plan changes more than was asked; see drift, "
            "and preview again once nobody else changes the job"
        )
    if not preview.allowed:
        return f"Would {doing}; the token may not plan, so only the images are shown: give it plan-job"
    return f"Would {doing}"


def _images(tasks: Sequence[SpecifiedTask], changes: Mapping[TaskKey, TaskChange]) -> Mapping[str, ImageChange]:
    return {
        str(task.key): ImageChange(before=task.image, after=changes[task.key].image)
        for task in tasks
        if task.key in changes
    }
