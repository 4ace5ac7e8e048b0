"""What a person's word would change in the job, by Nomad's own plan. Nothing is stored, nothing is rung."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from app.domain.decision import Deploy, obstacle
from app.domain.history import running
from app.domain.job import JobState, Preview, RunningTask, TaskChange, TaskKey
from app.domain.rollout import Origin
from app.domain.watch import Watch
from app.errors import Rejected
from app.services import live, operate, plan, steer
from app.services.operate import Operator
from app.services.steering import Destination
from app.services.word import Errand, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """A task's image now, and what it would be."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What would happen, in a sentence, per "group/task", and by Nomad's plan; `digest` is what would run, "" when that
    is several or unknown."""

    message: str
    digest: str = ""
    changes: Mapping[str, ImageChange] = field(default_factory=dict)
    preview: Preview = field(default_factory=Preview)


async def foresee_rule(
    operator: Operator, repo: str, *, pinned_tag: str | None = None, auto_deploy: bool | None = None
) -> Foresight:
    """What `operate.set_rule` would change. Raises as it does, and Rejected (409) where the job cannot be deployed,
    NomadUnavailable, NomadDenied, JobChanged or JobRejected."""
    operate.require_a_part(pinned_tag, auto_deploy)
    standing = await operate.find(operator, repo)
    if pinned_tag is None:
        return Foresight(
            message=f"Auto deployment would be set to {str(auto_deploy).lower()}; "
            "that by itself changes no job, and the next look decides by the rule"
        )
    errand = await live.errand(operator.registries, standing, pinned_tag, origin=Origin.DEPLOY)
    return await _foresee(operator, standing, errand)


async def foresee_reset(operator: Operator, repo: str) -> Foresight:
    """What `operate.reset` would change. Raises as `foresee_rule`."""
    standing = await operate.find(operator, repo)
    return await _foresee(operator, standing, await live.errand(operator.registries, standing, "", origin=Origin.RESET))


async def foresee_redeploy(operator: Operator, repo: str, tag: str) -> Foresight:
    """What `operate.redeploy` would change. Raises as `foresee_rule`."""
    standing = await operate.find(operator, repo)
    return await _foresee(operator, standing, await operate.once_more(operator, standing, tag))


async def foresee_rollback(operator: Operator, rollout_id: UUID) -> Foresight:
    """What `steer.rollback` would change. Raises as it does, and as `foresee_rule` where the job cannot be deployed."""
    past = await steer.past_of(operator, rollout_id)
    if past.taking_back:
        return Foresight(message=f"{past.taking_back} is on its way back already; nothing more would change")
    destinations = await steer.destinations_of(operator, past)
    job = await operator.deployer.inspect(destinations[0].watch.place)
    changes: dict[TaskKey, TaskChange] = {}
    for each in destinations:
        standing = await operate.find(operator, each.watch.name)
        deploy = await _way_back(operator, standing, each, _tasks(standing.watch, job))
        changes.update(_changes(standing, deploy, job, forced=False))
    what = ", ".join(each.what for each in destinations)
    return await _planned(operator, destinations[0].watch, job, changes, what=what, doing=f"go back to {what}")


async def _foresee(operator: Operator, standing: Standing, errand: Errand | None) -> Foresight:
    if errand is None:
        return Foresight(message=operate.NO_RELEASE)
    watch = standing.watch
    job = await operator.deployer.inspect(watch.place)
    deploy = await _deploy(operator, standing, errand, _tasks(watch, job))
    changes = _changes(standing, deploy, job, forced=errand.forced)
    planned = await _planned(operator, watch, job, changes, what=errand.tag, doing=f"deploy {errand.tag}")
    return replace(planned, digest=errand.digest)


def _tasks(watch: Watch, job: JobState | None) -> Sequence[RunningTask]:
    """The watch's tasks in the job; Rejected (409) where they cannot be deployed."""
    unusable = obstacle(watch, job)
    if unusable or job is None:
        raise Rejected(unusable, status=409)
    return job.selected(watch.task, watch.group)


def _changes(standing: Standing, deploy: Deploy, job: JobState | None, *, forced: bool) -> Mapping[TaskKey, TaskChange]:
    """As a look would: what failed stands in the job, maybe, and only a marker makes Nomad try it again."""
    history = standing.history
    forced = forced or deploy.digest in history.failed | history.released
    tasks = _tasks(standing.watch, job)
    return plan.task_changes(standing.watch, tasks, deploy, history=history, forced=forced, rollout_id=uuid4())


async def _planned(
    operator: Operator,
    watch: Watch,
    job: JobState | None,
    changes: Mapping[TaskKey, TaskChange],
    *,
    what: str,
    doing: str,
) -> Foresight:
    if job is None or not changes:
        return Foresight(message=f"{what} already runs; nothing would change")
    preview = await operator.deployer.preview(watch.place, plan.patch(job, changes))
    return Foresight(message=_message(what, doing, preview), changes=_images(job.tasks, changes), preview=preview)


async def _deploy(operator: Operator, standing: Standing, errand: Errand, tasks: Sequence[RunningTask]) -> Deploy:
    """The decision that a person's word is; the index's own digests only matter where something else runs."""
    children: frozenset[str] = frozenset()
    if not errand.forced:
        children = await _children(operator, standing, errand.digest, tasks)
    return Deploy(tag=errand.tag, digest=errand.digest, words="", children=children)


async def _way_back(operator: Operator, standing: Standing, to: Destination, tasks: Sequence[RunningTask]) -> Deploy:
    """As a look goes back: by the digest, or as the image was spelled where its tag still means the same."""
    shows = bool(to.tag) and await live.shows(operator.registries, to.watch, to.tag) == to.digest
    return Deploy(
        tag=to.tag,
        digest=to.digest,
        words="",
        children=await _children(operator, standing, to.digest, tasks),
        by_digest=True,
        former={key: image for key, image in to.former.items() if shows or to.digest in image},
    )


async def _children(
    operator: Operator, standing: Standing, digest: str, tasks: Sequence[RunningTask]
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
