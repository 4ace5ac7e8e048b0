"""See one watch: its registry through a `Resolver`, its history, a person's word, and the baseline of bare tags.

What a registry cannot answer becomes the watch's own trouble; the other watches of the target go on.
"""

import asyncio
from dataclasses import dataclass, replace

from app.domain.decision import RequestedDeploy
from app.domain.history import Desired, History, highest_running, identity, running
from app.domain.job import JobState, RunningTask
from app.domain.rollout import Origin
from app.domain.rule import highest_of
from app.errors import Permanent, StoreUnavailable, Transient
from app.ports import RegistrySource
from app.services.reconcile.resolver import Resolved, Resolver
from app.services.reconcile.targets import Claim, Item, OpenRollout, ResolvedTag, Targets, WatchState


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveContext:
    """What seeing works with; `relist_tags` is how often the tags of a pinned watch are listed, in seconds."""

    targets: Targets
    registries: RegistrySource
    relist_tags: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedWatch:
    """A watch with what its registry showed, or the trouble with it."""

    state: WatchState
    seen: Resolved | None
    history: History
    ask: RequestedDeploy | None
    outage: str = ""
    retry_after: float | None = None
    news: bool = False

    @property
    def moved(self) -> bool:
        """Whether the registry shows another wanted digest than at the last look, or an event wants an answer."""
        if self.seen is None:
            return False
        desired = (self.seen.desired.tag, self.seen.desired.digest) if self.seen.desired else ("", "")
        return desired != (self.state.desired_tag, self.state.desired_digest) or bool(self.state.events)


# How much longer a registry may take than another that the same job's images come from, in seconds.
_STRAGGLES = 3.0


async def resolve_all(
    context: ResolveContext, claim: Claim, job: JobState | None, *, fresh: bool
) -> list[ResolvedWatch]:
    """See every watch at once. With `fresh` the job was not read, and the last look's running tag counts.

    Where a job's images come from several registries, a silent one does not hold up the watches of the others.
    """
    tasks = [asyncio.create_task(_see(context, claim, state, job, fresh)) for state in claim.watches]
    try:
        if len({state.watch.registry for state in claim.watches}) > 1:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=_STRAGGLES)
        else:
            await asyncio.gather(*tasks)
        return [
            task.result() if task.done() else _silent(state) for state, task in zip(claim.watches, tasks, strict=True)
        ]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _silent(state: WatchState) -> ResolvedWatch:
    outage = f"registry {state.watch.registry} takes {_STRAGGLES:g} s longer to answer than others; it is asked again"
    return ResolvedWatch(state=state, seen=None, history=state.history, ask=None, outage=outage)


async def _see(
    context: ResolveContext, claim: Claim, state: WatchState, job: JobState | None, fresh: bool
) -> ResolvedWatch:
    resolver = Resolver(context.registries, state)
    history = _history(state, job)
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    ask, news = None, False
    try:
        seen = await resolver.see(
            running_tag(state, tasks, history, fresh=fresh), relist=_relist(context, claim, state)
        )
        if not fresh:
            ask = await _ask(claim.rollout, state, resolver)
            history = await _with_baseline(resolver, state, tasks, history)
            if seen.desired and _runs_other(tasks, history, seen.desired):
                seen = replace(seen, desired=await resolver.children(seen.desired))
            if ask and ask.desired and not ask.forced and _runs_other(tasks, history, ask.desired):
                ask = replace(ask, desired=await resolver.children(ask.desired))
            news = await _sight(context, claim, state, seen)
    except StoreUnavailable:
        raise
    except (Transient, Permanent) as error:
        retry_after = error.retry_after if isinstance(error, Transient) else None
        return ResolvedWatch(
            state=state,
            seen=None,
            history=history,
            ask=None,
            outage=str(error),
            retry_after=retry_after,
        )
    return ResolvedWatch(state=state, seen=seen, history=history, ask=ask, news=news)


def _history(state: WatchState, job: JobState | None) -> History:
    """What was recorded, unless the job was purged and created again: then it is seen for the first time."""
    if job is not None and state.job_create_index not in (0, job.create_index):
        return History()
    return state.history


def running_tag(state: WatchState, tasks: tuple[RunningTask, ...], history: History, *, fresh: bool) -> str | None:
    """The tag whose spelling counts: of the job when it was read, else of the last look."""
    highest = highest_of(state.running_tags) if fresh else highest_running(tasks, history)
    return highest.tag if highest else None


def _relist(context: ResolveContext, claim: Claim, state: WatchState) -> bool:
    if state.tags_read_at is None or claim.inspect_job:
        return True
    return (claim.now - state.tags_read_at).total_seconds() > context.relist_tags


async def _ask(rollout: OpenRollout | None, state: WatchState, resolver: Resolver) -> RequestedDeploy | None:
    if rollout is None or rollout.submitted or not rollout.origin.is_explicit:
        return None
    item = next((each for each in rollout.items if each.watch == state.watch.name), None)
    if item is None:
        return None
    if rollout.origin.reverts:
        return await _going_back(rollout.origin, item, resolver)
    digest = await resolver.digest(item.tag)
    return RequestedDeploy(desired=Desired(tag=item.tag, digest=digest) if digest else None, forced=item.forced)


async def _going_back(origin: Origin, item: Item, resolver: Resolver) -> RequestedDeploy:
    """What ran before is named by its digest, since the tag may show another by now; where it does not, the image is
    written as it was, so that Nomad leaves alone what still runs of it."""
    shows = bool(item.tag) and await resolver.digest(item.tag) == item.digest
    what = item.tag or item.digest
    undo = origin is Origin.UNDO
    message = f"going back to {what}, since what followed it failed" if undo else f"a person rolled back to {what}"
    return RequestedDeploy(
        desired=Desired(tag=item.tag, digest=item.digest),
        forced=item.forced,
        message=message,
        reverts=True,
        former={key: image for key, image in item.former.items() if shows or item.digest in image},
        unless_changed=undo,
    )


async def _with_baseline(
    resolver: Resolver, state: WatchState, tasks: tuple[RunningTask, ...], history: History
) -> History:
    """Where an image is named by tag alone and nobody recorded its digest, what the registry serves now is taken."""
    digests = dict(history.digests)
    for task in tasks:
        reference = task.reference
        if reference is None or reference.digest is not None or reference.repository != state.watch.repository:
            continue
        if identity(task) not in digests:
            digests[identity(task)] = await resolver.digest(reference.tag or "latest")
    return replace(history, digests=digests)


def _runs_other(tasks: tuple[RunningTask, ...], history: History, desired: Desired) -> bool:
    return any(running(task, history).digest not in ("", desired.digest) for task in tasks)


async def _sight(context: ResolveContext, claim: Claim, state: WatchState, seen: Resolved) -> bool:
    if seen.desired is None or seen.desired.digest == state.desired_digest:
        return False
    found_by = "webhook" if any(event.tag == seen.desired.tag for event in state.events) else ""
    found_by = found_by or ("poller" if claim.polled and state.job_create_index else "")
    sight = ResolvedTag(tags=None, tag=seen.desired.tag, digest=seen.desired.digest, found_by=found_by)
    return await context.targets.sight(claim, state.watch.name, sight)
