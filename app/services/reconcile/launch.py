"""Turns decisions into one registration, or into the outcome of a rollout that will not be registered. Pure."""

from collections.abc import Mapping
from uuid import uuid4

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.history import History, specified
from app.domain.job import JobState, SpecifiedTask, TaskChange, TaskKey
from app.domain.rollout import Outcome, OutcomeKind
from app.domain.supersede import keeps_identity
from app.services.reconcile import patch
from app.services.reconcile.claim import LaunchItem, OpenRollout
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.result import Launch, WatchResult


def launch(
    job: JobState, deploys: Mapping[str, tuple[ResolvedWatch, Deploy]], open_rollout: OpenRollout | None
) -> Launch | None:
    """One registration for all watches to change; it keeps the id of an open rollout with the same meaning."""
    items = tuple(
        LaunchItem(
            watch=name,
            tag=deploy.tag,
            digest=deploy.digest,
            # The job may already specify the failed image: only a marker makes Nomad try it again.
            forced=(each.requested is not None and each.requested.forced) or deploy.digest in each.history.given_up,
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
        desired = patch.task_changes(
            watch, tasks, deploy, history=each.history, forced=item.forced, rollout_id=identifier
        )
        changes.update(desired)
        task_watches.update(dict.fromkeys(desired, item.watch))
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
        message={name: deploy.message for name, (_, deploy) in deploys.items()},
        digest_changed=frozenset(name for name, (_, deploy) in deploys.items() if deploy.digest_changed),
        task_watches=task_watches,
        identities={
            task.key: patch.identity_after(task, changes[task.key]) for task in job.tasks if task.key in changes
        },
        patch=patch.patch(job, changes),
    )


def _before(tasks: tuple[SpecifiedTask, ...], history: History) -> tuple[str, str]:
    """The one tag and digest that all tasks run, for an undo or rollback; both "" if the tasks differ."""
    found = {(each.tag, each.digest) for each in (specified(task, history) for task in tasks)}
    return found.pop() if len(found) == 1 else ("", "")


def _means_the_same(rollout: OpenRollout, items: tuple[LaunchItem, ...]) -> bool:
    before, now = ({(item.watch, item.tag, item.digest) for item in each} for each in (rollout.items, items))
    return keeps_identity(rollout.origin, before, now)


def requested_during_outage(rollout: OpenRollout | None, resolved_watches: list[ResolvedWatch]) -> bool:
    """Whether a request waits for a registry with an outage: then nothing is registered without it."""
    if rollout is None or rollout.submitted or not rollout.origin.is_explicit:
        return False
    requested = {item.watch for item in rollout.items}
    return any(each.outage and each.state.watch.name in requested for each in resolved_watches)


def ending(
    rollout: OpenRollout, launched: Launch | None, results: list[WatchResult], resolved_watches: list[ResolvedWatch]
) -> Outcome | None:
    """The outcome of the open rollout if this reconcile does not register it; None if the rollout goes on."""
    if launched is not None and launched.reuse:
        return None
    if launched is not None and not rollout.origin.is_explicit:
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason="never registered: the rule desires another image now")
    requested = {item.watch for item in rollout.items}
    if any(each.outage for each in resolved_watches if each.state.watch.name in requested):
        return None
    holds = [result.decision for result in results if result.watch in requested and isinstance(result.decision, Hold)]
    if not rollout.origin.is_explicit:
        if holds and all(hold.reason is HoldReason.QUEUED for hold in holds):
            return None
        message = "; ".join(hold.message for hold in holds) or "the rule no longer desires it"
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason=f"never registered: {message}")
    if holds and all(hold.reason.is_specified for hold in holds):
        stalled = any(hold.reason is HoldReason.STALLED for hold in holds)
        kind = OutcomeKind.STALLED if stalled else OutcomeKind.SUCCEEDED
        return Outcome(kind=kind, reason="; ".join(hold.message for hold in holds))
    if drift := "; ".join(hold.message for hold in holds if hold.reason is HoldReason.DRIFTED):
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason=f"never registered: {drift}")
    message = "; ".join(hold.message for hold in holds if hold.reason is HoldReason.UNUSABLE)
    if not holds:
        message = (
            f"the configuration no longer has {', '.join(sorted(requested))}; "
            "put it back into watched_repositories, and try again"
        )
    gone = ", ".join(item.tag for item in rollout.items)
    return Outcome(
        kind=OutcomeKind.REFUSED,
        reason=message or f"the registry no longer has {gone}; push it again, or deploy another tag",
    )
