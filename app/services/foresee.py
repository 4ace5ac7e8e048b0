"""What a person's word would change in the job, by Nomad's own plan. Nothing is stored, nothing is rung."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from app.domain.decision import Deploy, obstacle
from app.domain.history import running
from app.domain.job import Preview, RunningTask, TaskChange, TaskKey
from app.domain.rollout import Origin
from app.errors import Rejected
from app.services import live, operate, plan
from app.services.operate import Operator
from app.services.word import Errand, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """A task's image now, and what it would be."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What would happen, in a sentence, per "group/task", and by Nomad's plan."""

    message: str
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
    return await _foresee(operator, standing, pinned_tag, origin=Origin.DEPLOY)


async def foresee_reset(operator: Operator, repo: str) -> Foresight:
    """What `operate.reset` would change. Raises as `foresee_rule`."""
    return await _foresee(operator, await operate.find(operator, repo), "", origin=Origin.RESET)


async def _foresee(operator: Operator, standing: Standing, pinned_tag: str, *, origin: Origin) -> Foresight:
    errand = await live.errand(operator.registries, standing, pinned_tag, origin=origin)
    if errand is None:
        return Foresight(message=operate.NO_RELEASE)
    watch, history = standing.watch, standing.history
    job = await operator.deployer.inspect(watch.place)
    unusable = obstacle(watch, job)
    if unusable or job is None:
        raise Rejected(unusable, status=409)
    tasks = job.selected(watch.task, watch.group)
    deploy = await _deploy(operator, standing, errand, tasks)
    # As a look would: what failed stands in the job, maybe, and only a marker makes Nomad try it again.
    forced = errand.forced or errand.digest in history.failed | history.released
    changes = plan.task_changes(watch, tasks, deploy, history=history, forced=forced, rollout_id=uuid4())
    if not changes:
        return Foresight(message=f"{errand.tag} already runs; nothing would change")
    preview = await operator.deployer.preview(watch.place, plan.order(job, changes))
    return Foresight(message=_message(errand, preview), changes=_images(tasks, changes), preview=preview)


async def _deploy(operator: Operator, standing: Standing, errand: Errand, tasks: Sequence[RunningTask]) -> Deploy:
    """The decision that a person's word is; the index's own digests only matter where something else runs."""
    children: frozenset[str] = frozenset()
    if not errand.forced and any(running(task, standing.history).digest not in ("", errand.digest) for task in tasks):
        children = await live.children(operator.registries, standing.watch, errand.digest)
    return Deploy(tag=errand.tag, digest=errand.digest, words="", children=children)


def _message(errand: Errand, preview: Preview) -> str:
    if preview.foreign:
        return (
            f"{errand.tag} would not be registered: Nomad's plan changes more than was asked; see drift, "
            "and look again once the job is still"
        )
    if not preview.allowed:
        return f"Would deploy {errand.tag}; the token may not plan, so only the images are told: give it plan-job"
    return f"Would deploy {errand.tag}"


def _images(tasks: Sequence[RunningTask], changes: Mapping[TaskKey, TaskChange]) -> Mapping[str, ImageChange]:
    return {
        str(task.key): ImageChange(before=task.image, after=changes[task.key].image)
        for task in tasks
        if task.key in changes
    }
