"""See one watch: its registry through a `Sightseer`, its history, a person's word, and the baseline of bare tags.

What a registry cannot answer becomes the watch's own trouble; the other watches of the target go on.
"""

import asyncio
from dataclasses import dataclass, replace

from app.domain.decision import Ask
from app.domain.history import History, Wanted, highest_running, identity, running
from app.domain.job import JobState, RunningTask
from app.domain.rollout import Origin
from app.domain.rule import highest_of
from app.errors import Permanent, StoreUnavailable, Transient
from app.ports import RegistrySource
from app.services.see import Seen, Sightseer
from app.services.target import Claim, Item, Looks, OpenRollout, Sight, WatchState


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What seeing works with; `relist_tags` is how often the tags of a pinned watch are listed, in seconds."""

    looks: Looks
    registries: RegistrySource
    relist_tags: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeing:
    """A watch with what its registry showed, or the trouble with it."""

    state: WatchState
    seen: Seen | None
    history: History
    ask: Ask | None
    trouble: str = ""
    retry_after: float | None = None
    news: bool = False

    @property
    def moved(self) -> bool:
        """Whether the registry shows another wanted digest than at the last look, or an event wants an answer."""
        if self.seen is None:
            return False
        wanted = (self.seen.wanted.tag, self.seen.wanted.digest) if self.seen.wanted else ("", "")
        return wanted != (self.state.wanted_tag, self.state.wanted_digest) or bool(self.state.events)


# How much longer a registry may take than another that the same job's images come from, in seconds.
_STRAGGLES = 3.0


async def see_all(eyes: Eyes, claim: Claim, job: JobState | None, *, fresh: bool) -> list[Seeing]:
    """See every watch at once. With `fresh` the job was not read, and the last look's running tag counts.

    Where a job's images come from several registries, a silent one does not hold up the watches of the others.
    """
    tasks = [asyncio.create_task(_see(eyes, claim, state, job, fresh)) for state in claim.watches]
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


def _silent(state: WatchState) -> Seeing:
    trouble = f"registry {state.watch.registry} takes {_STRAGGLES:g} s longer to answer than others; it is asked again"
    return Seeing(state=state, seen=None, history=state.history, ask=None, trouble=trouble)


async def _see(eyes: Eyes, claim: Claim, state: WatchState, job: JobState | None, fresh: bool) -> Seeing:
    sightseer = Sightseer(eyes.registries, state)
    history = _history(state, job)
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    ask, news = None, False
    try:
        seen = await sightseer.see(running_tag(state, tasks, history, fresh=fresh), relist=_relist(eyes, claim, state))
        if not fresh:
            ask = await _ask(claim.rollout, state, sightseer)
            history = await _with_baseline(sightseer, state, tasks, history)
            if seen.wanted and _runs_other(tasks, history, seen.wanted):
                seen = replace(seen, wanted=await sightseer.children(seen.wanted))
            if ask and ask.wanted and not ask.forced and _runs_other(tasks, history, ask.wanted):
                ask = replace(ask, wanted=await sightseer.children(ask.wanted))
            news = await _sight(eyes, claim, state, seen)
    except StoreUnavailable:
        raise
    except (Transient, Permanent) as error:
        retry_after = error.retry_after if isinstance(error, Transient) else None
        return Seeing(
            state=state,
            seen=None,
            history=history,
            ask=None,
            trouble=str(error),
            retry_after=retry_after,
        )
    return Seeing(state=state, seen=seen, history=history, ask=ask, news=news)


def _history(state: WatchState, job: JobState | None) -> History:
    """What was recorded, unless the job was purged and created again: then it is seen for the first time."""
    if job is not None and state.job_create_index not in (0, job.create_index):
        return History()
    return state.history


def running_tag(state: WatchState, tasks: tuple[RunningTask, ...], history: History, *, fresh: bool) -> str | None:
    """The tag whose spelling counts: of the job when it was read, else of the last look."""
    highest = highest_of(state.running_tags) if fresh else highest_running(tasks, history)
    return highest.tag if highest else None


def _relist(eyes: Eyes, claim: Claim, state: WatchState) -> bool:
    if state.tags_read_at is None or claim.thorough:
        return True
    return (claim.now - state.tags_read_at).total_seconds() > eyes.relist_tags


async def _ask(rollout: OpenRollout | None, state: WatchState, sightseer: Sightseer) -> Ask | None:
    if rollout is None or rollout.submitted or not rollout.origin.is_order:
        return None
    item = next((each for each in rollout.items if each.watch == state.watch.name), None)
    if item is None:
        return None
    if rollout.origin.goes_back:
        return await _going_back(rollout.origin, item, sightseer)
    digest = await sightseer.digest(item.tag)
    return Ask(wanted=Wanted(tag=item.tag, digest=digest) if digest else None, forced=item.forced)


async def _going_back(origin: Origin, item: Item, sightseer: Sightseer) -> Ask:
    """What ran before is named by its digest, since the tag may show another by now; where it does not, the image is
    written as it was, so that Nomad leaves alone what still runs of it."""
    shows = bool(item.tag) and await sightseer.digest(item.tag) == item.digest
    what = item.tag or item.digest
    undo = origin is Origin.UNDO
    words = f"going back to {what}, since what followed it failed" if undo else f"a person rolled back to {what}"
    return Ask(
        wanted=Wanted(tag=item.tag, digest=item.digest),
        forced=item.forced,
        words=words,
        goes_back=True,
        former={key: image for key, image in item.former.items() if shows or item.digest in image},
        unless_changed=undo,
    )


async def _with_baseline(
    sightseer: Sightseer, state: WatchState, tasks: tuple[RunningTask, ...], history: History
) -> History:
    """Where an image is named by tag alone and nobody recorded its digest, what the registry serves now is taken."""
    digests = dict(history.digests)
    for task in tasks:
        reference = task.reference
        if reference is None or reference.digest is not None or reference.repository != state.watch.repository:
            continue
        if identity(task) not in digests:
            digests[identity(task)] = await sightseer.digest(reference.tag or "latest")
    return replace(history, digests=digests)


def _runs_other(tasks: tuple[RunningTask, ...], history: History, wanted: Wanted) -> bool:
    return any(running(task, history).digest not in ("", wanted.digest) for task in tasks)


async def _sight(eyes: Eyes, claim: Claim, state: WatchState, seen: Seen) -> bool:
    if seen.wanted is None or seen.wanted.digest == state.wanted_digest:
        return False
    found_by = "webhook" if any(event.tag == seen.wanted.tag for event in state.events) else ""
    found_by = found_by or ("poller" if claim.polled and state.job_create_index else "")
    sight = Sight(tags=None, tag=seen.wanted.tag, digest=seen.wanted.digest, found_by=found_by)
    return await eyes.looks.sight(claim, state.watch.name, sight)
