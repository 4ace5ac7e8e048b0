"""Resolve one watch: its registry through a `Resolver`, its history, its request, and the baseline of bare tags.

An outage of a registry counts for its own watches only; the other watches of the target go on.
"""

import asyncio
from dataclasses import dataclass, replace

from app.domain.decision import RequestedDeploy
from app.domain.history import Desired, History, highest_specified, identity, specified
from app.domain.job import JobState, SpecifiedTask
from app.domain.rollout import Origin
from app.domain.rule import highest_of
from app.errors import Permanent, StoreUnavailable, Transient
from app.ports import RegistrySource
from app.services.reconcile.claim import Claim, LaunchItem, OpenRollout, WatchState
from app.services.reconcile.resolver import Resolved, Resolver
from app.services.reconcile.result import ResolvedTag
from app.services.reconcile.targets import Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveContext:
    """The parts that resolving uses; `relist_tags` is how often the tags of a pinned watch are listed, in seconds."""

    targets: Targets
    registries: RegistrySource
    relist_tags: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedWatch:
    """A watch with its resolved tags, or None and the outage of its registry.

    `new_digest` is whether the desired digest was found for the first time.
    """

    state: WatchState
    resolved: Resolved | None
    history: History
    requested: RequestedDeploy | None
    outage: str = ""
    retry_after: float | None = None
    new_digest: bool = False

    @property
    def has_changed(self) -> bool:
        """Whether the desired digest or the tags differ from the last reconcile's, or an event has no answer yet.

        Tags that the rule leaves out are in the decision's message.
        """
        if self.resolved is None:
            return False
        if self.state.rule.follows_releases and set(self.resolved.tags or ()) != set(self.state.tags):
            return True
        desired = (self.resolved.desired.tag, self.resolved.desired.digest) if self.resolved.desired else ("", "")
        return desired != (self.state.desired_tag, self.state.desired_digest) or bool(self.state.events)


# How much longer a registry may take than another registry of the same job, in seconds.
_LATE = 3.0


async def resolve_all(
    context: ResolveContext, claim: Claim, job: JobState | None, *, fresh: bool
) -> list[ResolvedWatch]:
    """Resolve all watches at once. With `fresh` the job was not read, and the running tag of the last reconcile counts.

    If a job's images come from several registries, a slow one does not delay the watches of the others.
    """
    tasks = [asyncio.create_task(_resolve(context, claim, state, job, fresh)) for state in claim.watches]
    try:
        if len({state.watch.registry for state in claim.watches}) > 1:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=_LATE)
        else:
            await asyncio.gather(*tasks)
        return [
            task.result() if task.done() else _late(state) for state, task in zip(claim.watches, tasks, strict=True)
        ]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _late(state: WatchState) -> ResolvedWatch:
    outage = f"registry {state.watch.registry} takes {_LATE:g} s longer to answer than others; it is asked again"
    return ResolvedWatch(state=state, resolved=None, history=state.history, requested=None, outage=outage)


async def _resolve(
    context: ResolveContext, claim: Claim, state: WatchState, job: JobState | None, fresh: bool
) -> ResolvedWatch:
    resolver = Resolver(context.registries, state)
    history = _history(state, job)
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    requested, new_digest = None, False
    try:
        resolved = await resolver.resolve(
            specified_tag(state, tasks, history, fresh=fresh), relist=_relist(context, claim, state)
        )
        if not fresh:
            requested = await _requested(claim.rollout, state, resolver)
            history = await _with_baseline(resolver, state, tasks, history)
            if resolved.desired and _runs_other(tasks, history, resolved.desired):
                resolved = replace(resolved, desired=await resolver.children(resolved.desired))
            if (
                requested
                and requested.desired
                and not requested.forced
                and _runs_other(tasks, history, requested.desired)
            ):
                requested = replace(requested, desired=await resolver.children(requested.desired))
            new_digest = await _record(context, claim, state, resolved)
    except StoreUnavailable:
        raise
    except (Transient, Permanent) as error:
        retry_after = error.retry_after if isinstance(error, Transient) else None
        return ResolvedWatch(
            state=state,
            resolved=None,
            history=history,
            requested=None,
            outage=str(error),
            retry_after=retry_after,
        )
    return ResolvedWatch(state=state, resolved=resolved, history=history, requested=requested, new_digest=new_digest)


def _history(state: WatchState, job: JobState | None) -> History:
    """The recorded history; empty if the job was purged and created again, since it is a new job then."""
    if job is not None and state.job_create_index not in (0, job.create_index):
        return History()
    return state.history


def specified_tag(state: WatchState, tasks: tuple[SpecifiedTask, ...], history: History, *, fresh: bool) -> str | None:
    """The tag whose spelling counts: the job's if it was read, else that of the last reconcile."""
    highest = highest_of(state.specified_tags) if fresh else highest_specified(tasks, history)
    return highest.tag if highest else None


def _relist(context: ResolveContext, claim: Claim, state: WatchState) -> bool:
    if state.tags_read_at is None or claim.inspect_job:
        return True
    return (claim.now - state.tags_read_at).total_seconds() > context.relist_tags


async def _requested(rollout: OpenRollout | None, state: WatchState, resolver: Resolver) -> RequestedDeploy | None:
    if rollout is None or rollout.submitted or not rollout.origin.is_explicit:
        return None
    item = next((each for each in rollout.items if each.watch == state.watch.name), None)
    if item is None:
        return None
    if rollout.origin.reverts:
        return await _restored(rollout.origin, item, resolver)
    digest = await resolver.digest(item.tag)
    return RequestedDeploy(desired=Desired(tag=item.tag, digest=digest) if digest else None, forced=item.forced)


async def _restored(origin: Origin, item: LaunchItem, resolver: Resolver) -> RequestedDeploy:
    """The request to deploy the former image by its digest, since its tag may have another digest by now. If the tag
    still has it, the image text is written as it was, so that Nomad keeps allocations that still run it."""
    tag_has_it = bool(item.tag) and await resolver.digest(item.tag) == item.digest
    what = item.tag or item.digest
    undo = origin is Origin.UNDO
    message = f"restoring {what}, because the rollout after it failed" if undo else f"a person rolled back to {what}"
    return RequestedDeploy(
        desired=Desired(tag=item.tag, digest=item.digest),
        forced=item.forced,
        message=message,
        reverts=True,
        former={key: image for key, image in item.former.items() if tag_has_it or item.digest in image},
        unless_changed=undo,
    )


async def _with_baseline(
    resolver: Resolver, state: WatchState, tasks: tuple[SpecifiedTask, ...], history: History
) -> History:
    """Add the baseline: for an image by tag alone without a recorded digest, the digest that the registry has now."""
    digests = dict(history.digests)
    for task in tasks:
        reference = task.reference
        if reference is None or reference.digest is not None or reference.repository != state.watch.repository:
            continue
        if identity(task) not in digests:
            digests[identity(task)] = await resolver.digest(reference.tag or "latest")
    return replace(history, digests=digests)


def _runs_other(tasks: tuple[SpecifiedTask, ...], history: History, desired: Desired) -> bool:
    return any(specified(task, history).digest not in ("", desired.digest) for task in tasks)


async def _record(context: ResolveContext, claim: Claim, state: WatchState, resolved: Resolved) -> bool:
    if resolved.desired is None or resolved.desired.digest == state.desired_digest:
        return False
    found_by = "webhook" if any(event.tag == resolved.desired.tag for event in state.events) else ""
    found_by = found_by or ("poller" if claim.polled and state.job_create_index else "")
    found = ResolvedTag(tags=None, tag=resolved.desired.tag, digest=resolved.desired.digest, found_by=found_by)
    return await context.targets.record_resolved(claim, state.watch.name, found)
