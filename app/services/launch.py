"""From decisions to one registration, or to the end of a rollout that is not to be registered. Pure."""

from collections.abc import Mapping
from uuid import uuid4

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.history import History, running
from app.domain.job import JobState, RunningTask, TaskChange, TaskKey
from app.domain.rollout import Outcome, OutcomeKind
from app.domain.supersede import keeps_identity
from app.services import plan
from app.services.seeing import Seeing
from app.services.target import Item, Launch, OpenRollout, WatchResult


def launch(
    job: JobState, deploys: Mapping[str, tuple[Seeing, Deploy]], open_rollout: OpenRollout | None
) -> Launch | None:
    """One registration for all watches that are to change; an open rollout that means the same is kept."""
    items = tuple(
        Item(
            watch=name,
            tag=deploy.tag,
            digest=deploy.digest,
            # What failed stands in the job, maybe: only a marker makes Nomad try it again.
            forced=(each.ask is not None and each.ask.forced)
            or deploy.digest in each.history.failed | each.history.released,
        )
        for name, (each, deploy) in deploys.items()
    )
    reuse = open_rollout is not None and _means_the_same(open_rollout, items)
    identifier = open_rollout.rollout_id if open_rollout is not None and reuse else uuid4()
    changes: dict[TaskKey, TaskChange] = {}
    from_images: dict[str, dict[str, str]] = {}
    before: dict[str, tuple[str, str]] = {}
    task_watches: dict[TaskKey, str] = {}
    for item in items:
        each, deploy = deploys[item.watch]
        watch = each.state.watch
        tasks = job.selected(watch.task, watch.group)
        wanted = plan.task_changes(
            watch, tasks, deploy, history=each.history, forced=item.forced, rollout_id=identifier
        )
        changes.update(wanted)
        task_watches.update(dict.fromkeys(wanted, item.watch))
        from_images[item.watch] = {str(task.key): task.image for task in tasks}
        before[item.watch] = _before(tasks, each.history)
    if not changes:
        return None
    return Launch(
        rollout_id=identifier,
        reuse=reuse,
        items=items,
        from_images=from_images,
        before=before,
        words={name: deploy.words for name, (_, deploy) in deploys.items()},
        digest_changed=frozenset(name for name, (_, deploy) in deploys.items() if deploy.digest_changed),
        task_watches=task_watches,
        identities={
            task.key: plan.identity_after(task, changes[task.key]) for task in job.tasks if task.key in changes
        },
        patch=plan.patch(job, changes),
    )


def _before(tasks: tuple[RunningTask, ...], history: History) -> tuple[str, str]:
    """The one tag and digest that all tasks run: what can be gone back to."""
    found = {(each.tag, each.digest) for each in (running(task, history) for task in tasks)}
    return found.pop() if len(found) == 1 else ("", "")


def _means_the_same(rollout: OpenRollout, items: tuple[Item, ...]) -> bool:
    before, now = ({(item.watch, item.tag, item.digest) for item in each} for each in (rollout.items, items))
    return keeps_identity(rollout.origin, before, now)


def asked_in_trouble(rollout: OpenRollout | None, seeing: list[Seeing]) -> bool:
    """Whether a person's word waits for a registry that does not answer: then nothing is registered without it."""
    if rollout is None or rollout.submitted or not rollout.origin.is_order:
        return False
    asked = {item.watch for item in rollout.items}
    return any(each.trouble and each.state.watch.name in asked for each in seeing)


def ending(
    rollout: OpenRollout, launched: Launch | None, results: list[WatchResult], seeing: list[Seeing]
) -> Outcome | None:
    """How the open rollout ends, when this look does not register it."""
    if launched is not None and launched.reuse:
        return None
    if launched is not None and not rollout.origin.is_order:
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason="something newer is wanted; it was never registered")
    asked = {item.watch for item in rollout.items}
    if any(each.trouble for each in seeing if each.state.watch.name in asked):
        return None
    holds = [result.decision for result in results if result.watch in asked and isinstance(result.decision, Hold)]
    if not rollout.origin.is_order:
        if holds and all(hold.reason is HoldReason.WAITS_TURN for hold in holds):
            return None
        words = "; ".join(hold.words for hold in holds) or "it is no longer wanted"
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason=f"never registered: {words}")
    if holds and all(hold.reason is HoldReason.UP_TO_DATE for hold in holds):
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason="; ".join(hold.words for hold in holds))
    if outside := "; ".join(hold.words for hold in holds if hold.reason is HoldReason.CHANGED_OUTSIDE):
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason=f"never registered: {outside}")
    words = "; ".join(hold.words for hold in holds if hold.reason is HoldReason.UNUSABLE)
    if not holds:
        words = (
            f"{', '.join(sorted(asked))} left the configuration; put it back into watched_repositories and ask again"
        )
    gone = ", ".join(item.tag for item in rollout.items)
    return Outcome(
        kind=OutcomeKind.REFUSED,
        reason=words or f"the registry no longer has {gone}; push it again, or deploy another tag",
    )
