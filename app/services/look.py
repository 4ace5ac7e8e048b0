"""One pass over a target: read the registries, read the job, decide for each watch, and register once if need be.

This is the only way to a deployment. It holds the target's lease throughout, and no transaction across network I/O.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

import structlog

from app.domain.decision import (
    Ask,
    Case,
    Decision,
    Deploy,
    History,
    Hold,
    HoldReason,
    Wanted,
    changed_by_hand,
    decide,
    highest_running,
    identity,
    running,
)
from app.domain.job import JobState, RunningTask, TaskChange, TaskKey
from app.domain.rollout import Outcome, OutcomeKind
from app.domain.rule import highest_release
from app.errors import JobChanged, Permanent, Transient
from app.ports import Deployer, Doorbell, RegistrySource
from app.services import plan
from app.services.lease import held
from app.services.ringing import ring_written
from app.services.see import EVENT_PAUSES, Seen, Sightseer, answer
from app.services.submit import recover_open, submit
from app.services.target import (
    Claim,
    Item,
    Launch,
    LeaseLost,
    Looks,
    OpenRollout,
    Result,
    Sight,
    WatchResult,
    WatchState,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSettings:
    """Times in seconds: the lease, how often a job is read though nothing moved, how often pinned tags are listed,
    and how long a Nomad deployment of somebody else may stand still before it is no longer waited for."""

    lease: float = 5.0
    reread_job: float = 240.0
    relist_tags: float = 900.0
    stall_after: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """What a look works with."""

    looks: Looks
    registries: RegistrySource
    deployer: Deployer
    doorbell: Doorbell
    settings: LookSettings


async def look(looker: Looker, target_id: int) -> None:
    """Look at the target once, if it is due and nobody else is at it; returns quietly otherwise.

    Raises StoreUnavailable; what a registry or Nomad cannot answer now puts the target off instead.
    """
    claim = await looker.looks.claim(target_id, looker.settings.lease)
    if claim is None:
        return
    with suppress(LeaseLost):
        async with held(looker.looks, claim, looker.settings.lease):
            try:
                await _pass(looker, claim)
            except (Transient, Permanent) as error:
                await _put_off(looker, claim, error)


async def _pass(looker: Looker, claim: Claim) -> None:
    if await recover_open(looker, claim):
        return
    fresh = _job_is_fresh(looker.settings, claim)
    job = None if fresh else await looker.deployer.inspect(claim.place)
    seeing = await _see_all(looker, claim, job, fresh=fresh)
    if fresh and any(seen.moved for seen in seeing):
        fresh, job = False, await looker.deployer.inspect(claim.place)
        seeing = await _see_all(looker, claim, job, fresh=False)
    if fresh:
        await _settle(looker, claim, Result(watches=tuple(_unmoved(seen) for seen in seeing)))
        return
    await _decide_all(looker, claim, job, seeing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seeing:
    """A watch with what its registry showed, or the trouble with it."""

    state: WatchState
    sightseer: Sightseer
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
        digest = self.seen.wanted.digest if self.seen.wanted else ""
        return digest != self.state.wanted_digest or bool(self.state.events)


def _job_is_fresh(settings: LookSettings, claim: Claim) -> bool:
    """Whether the job need not be read while the registries have not moved either."""
    if claim.thorough or claim.rollout is not None or claim.job_read_at is None or claim.foreign_progress:
        return False
    return (claim.now - claim.job_read_at).total_seconds() < settings.reread_job


async def _see_all(looker: Looker, claim: Claim, job: JobState | None, *, fresh: bool) -> list[_Seeing]:
    return list(await asyncio.gather(*(_see(looker, claim, state, job, fresh) for state in claim.watches)))


async def _see(looker: Looker, claim: Claim, state: WatchState, job: JobState | None, fresh: bool) -> _Seeing:
    sightseer = Sightseer(looker.registries, state)
    history = _history(state, job)
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    ask = None
    try:
        seen = await sightseer.see(
            _running_tag(state, tasks, history, fresh=fresh), relist=_relist(looker.settings, claim, state)
        )
        if not fresh:
            ask = await _ask(claim.rollout, state, sightseer)
            history = await _with_baseline(sightseer, tasks, history)
            if seen.wanted and seen.is_index and _runs_other(tasks, history, seen.wanted):
                seen = replace(seen, wanted=await sightseer.children(seen.wanted))
        news = await _sight(looker, claim, state, seen)
    except (Transient, Permanent) as error:
        retry_after = error.retry_after if isinstance(error, Transient) else None
        return _Seeing(
            state=state,
            sightseer=sightseer,
            seen=None,
            history=history,
            ask=None,
            trouble=str(error),
            retry_after=retry_after,
        )
    return _Seeing(state=state, sightseer=sightseer, seen=seen, history=history, ask=ask, news=news)


def _history(state: WatchState, job: JobState | None) -> History:
    """What was recorded, unless the job was purged and created again: then it is seen for the first time."""
    if job is not None and state.job_create_index not in (0, job.create_index):
        return History()
    return state.history


def _running_tag(state: WatchState, tasks: tuple[RunningTask, ...], history: History, *, fresh: bool) -> str | None:
    """The tag whose spelling counts: of the job when it was read, else of the last look."""
    if fresh:
        return next(iter(state.running_tags), None)
    highest = highest_running(tasks, history)
    return highest.tag if highest else None


def _relist(settings: LookSettings, claim: Claim, state: WatchState) -> bool:
    if state.tags_read_at is None or claim.thorough:
        return True
    return (claim.now - state.tags_read_at).total_seconds() > settings.relist_tags


async def _ask(rollout: OpenRollout | None, state: WatchState, sightseer: Sightseer) -> Ask | None:
    if rollout is None or rollout.submitted or not rollout.origin.by_person:
        return None
    for item in rollout.items:
        if item.watch == state.watch.name:
            digest = await sightseer.digest(item.tag)
            return Ask(wanted=Wanted(tag=item.tag, digest=digest) if digest else None, forced=item.forced)
    return None


async def _with_baseline(sightseer: Sightseer, tasks: tuple[RunningTask, ...], history: History) -> History:
    """Where an image is named by tag alone and nobody recorded its digest, what the registry serves now is taken."""
    digests = dict(history.digests)
    for task in tasks:
        reference = task.reference
        if reference is not None and reference.digest is None and identity(task) not in digests:
            digests[identity(task)] = await sightseer.digest(reference.tag or "latest")
    return replace(history, digests=digests)


def _runs_other(tasks: tuple[RunningTask, ...], history: History, wanted: Wanted) -> bool:
    return any(running(task, history).digest not in ("", wanted.digest) for task in tasks)


async def _sight(looker: Looker, claim: Claim, state: WatchState, seen: Seen) -> bool:
    if seen.wanted is None or seen.wanted.digest == state.wanted_digest:
        return False
    found_by = "webhook" if any(event.tag == seen.wanted.tag for event in state.events) else ""
    found_by = found_by or ("poller" if claim.polled and state.job_create_index else "")
    sight = Sight(tags=None, tag=seen.wanted.tag, digest=seen.wanted.digest, found_by=found_by)
    return await looker.looks.sight(claim, state.watch.name, sight)


def _unmoved(seeing: _Seeing) -> WatchResult:
    sight = None
    if seeing.seen is not None:
        sight = Sight(tags=seeing.seen.tags, tag=seeing.state.wanted_tag, digest=seeing.state.wanted_digest)
    return WatchResult(watch=seeing.state.watch.name, trouble=seeing.trouble, sight=sight)


async def _decide_all(looker: Looker, claim: Claim, job: JobState | None, seeing: list[_Seeing]) -> None:
    busy = _busy(looker.settings, claim, job)
    open_rollout = claim.rollout
    results: list[WatchResult] = []
    deploys: dict[str, tuple[_Seeing, Deploy]] = {}
    for each in seeing:
        if each.seen is None:
            results.append(WatchResult(watch=each.state.watch.name, trouble=each.trouble))
            continue
        result, decision = _decide_one(claim, job, each, busy)
        results.append(result)
        if isinstance(decision, Deploy):
            deploys[each.state.watch.name] = (each, decision)
    launch = ended = None
    if deploys and job is not None and not _asked_in_trouble(open_rollout, seeing):
        launch = _launch(job, deploys, open_rollout)
    if open_rollout is not None and not open_rollout.submitted:
        ended = _ending(open_rollout, launch, results, seeing)
    found = Result(
        job=job,
        job_read=True,
        foreign_progress=_foreign(claim, job),
        watches=tuple(results),
        launch=launch,
        ended=ended,
        again_in=_again_in(claim, results, seeing, busy),
        attempts=claim.attempts + 1 if any(each.trouble for each in seeing) else 0,
        poll_in=max((each.retry_after or 0.0 for each in seeing), default=0.0) or None,
    )
    await _settle(looker, claim, found)
    if launch is not None:
        await submit(looker, claim, launch)


def _decide_one(claim: Claim, job: JobState | None, each: _Seeing, busy: str) -> tuple[WatchResult, Decision]:
    state, seen = each.state, each.seen
    assert seen is not None  # the caller has set aside those that were not seen
    tasks = job.selected(state.watch.task, state.watch.group) if job else ()
    first = state.job_create_index == 0 or (job is not None and state.job_create_index != job.create_index)
    history = each.history
    if first:
        found = highest_release(seen.tags or (), _running_tag(state, tasks, history, fresh=False))
        history = replace(history, first_highest=found.tag if found else "")
    if state.adopt:
        history = replace(history, expected={str(task.key): identity(task) for task in tasks})
    hand_changed_at, hand_images = _hand_change(claim, state, job, tasks, history)
    history = replace(history, newer_than_hand_change=_newer(state, hand_changed_at, each.news))
    decision = decide(
        Case(
            watch=state.watch,
            rule=state.rule,
            auto_deploy=state.auto_deploy,
            paused=claim.paused,
            job=job,
            wanted=seen.wanted,
            history=history,
            busy=busy,
            ask=each.ask,
        )
    )
    log.info(
        "decision.made", target=claim.target_id, watch=state.watch.name, words=decision.words, digest=decision.digest
    )
    wanted = seen.wanted
    return WatchResult(
        watch=state.watch.name,
        sight=Sight(tags=seen.tags, tag=wanted.tag if wanted else "", digest=wanted.digest if wanted else ""),
        decision=decision,
        running=tuple(_shown(task, history) for task in tasks),
        history=history,
        hand_changed_at=hand_changed_at,
        hand_images=hand_images,
        events=tuple(answer(event, seen, decision.words) for event in state.events),
        notify=not first or (isinstance(decision, Hold) and decision.reason is HoldReason.UNUSABLE),
    ), decision


def _hand_change(
    claim: Claim, state: WatchState, job: JobState | None, tasks: tuple[RunningTask, ...], history: History
) -> tuple[datetime | None, Mapping[str, str]]:
    """When the images were changed outside, and to what; the job's own submit time, since we may notice it late."""
    if job is None or not changed_by_hand(tasks, history.expected):
        return None, {}
    images = {str(task.key): identity(task) for task in tasks}
    if images == dict(state.hand_images) and state.hand_changed_at is not None:
        return state.hand_changed_at, images
    submitted = datetime.fromtimestamp(job.submitted_at, claim.now.tzinfo) if job.submitted_at else claim.now
    return min(submitted, claim.now), images


def _newer(state: WatchState, hand_changed_at: datetime | None, news: bool) -> bool:
    if hand_changed_at is None:
        return False
    spoken = [at for at in (state.newest_sighting, state.word_at) if at is not None]
    return news or any(at > hand_changed_at for at in spoken)


def _shown(task: RunningTask, history: History) -> Mapping[str, str]:
    found = running(task, history)
    return {"task": str(task.key), "image": task.image, "tag": found.tag, "digest": found.digest}


def _busy(settings: LookSettings, claim: Claim, job: JobState | None) -> str:
    if claim.rollout is not None and claim.rollout.submitted:
        return f"rollout {claim.rollout.rollout_id} is under way"
    if job is None or job.deployment is None or job.deployment.job_spec_index == claim.stalled_index:
        return ""
    if _foreign(claim, job) == claim.foreign_progress and claim.foreign_since is not None:
        still = (claim.now - claim.foreign_since).total_seconds()
        if still > settings.stall_after:
            return ""
    return f"a Nomad deployment is active on the job: {job.deployment.description}"


def _foreign(claim: Claim, job: JobState | None) -> str:
    if job is None or job.deployment is None or (claim.rollout is not None and claim.rollout.submitted):
        return ""
    return f"{job.deployment.deployment_id} {job.deployment.progress}"


def _launch(
    job: JobState, deploys: Mapping[str, tuple[_Seeing, Deploy]], open_rollout: OpenRollout | None
) -> Launch | None:
    """One registration for all watches that are to change; the open rollout's identity is kept where it means the same."""
    items = tuple(
        Item(
            watch=name,
            tag=deploy.tag,
            digest=deploy.digest,
            forced=each.ask is not None and each.ask.forced,
        )
        for name, (each, deploy) in deploys.items()
    )
    reuse = open_rollout is not None and _means_the_same(open_rollout, items)
    identifier = open_rollout.rollout_id if open_rollout is not None and reuse else uuid4()
    changes: dict[TaskKey, TaskChange] = {}
    from_images: dict[str, dict[str, str]] = {}
    for item in items:
        each, deploy = deploys[item.watch]
        watch = each.state.watch
        tasks = job.selected(watch.task, watch.group)
        changes.update(
            plan.task_changes(watch, tasks, deploy, history=each.history, forced=item.forced, rollout_id=identifier)
        )
        from_images[item.watch] = {str(task.key): task.image for task in tasks}
    if not changes:
        return None
    return Launch(
        rollout_id=identifier,
        reuse=reuse,
        items=items,
        from_images=from_images,
        words={name: deploy.words for name, (_, deploy) in deploys.items()},
        order=plan.order(job, changes),
    )


def _means_the_same(rollout: OpenRollout, items: tuple[Item, ...]) -> bool:
    """A person's rollout stays itself while it still does what was asked; the rule's only while it wants just the same."""
    if rollout.origin.by_person:
        return bool({item.watch for item in rollout.items} & {item.watch for item in items})
    before = {(item.watch, item.tag, item.digest) for item in rollout.items}
    return before == {(item.watch, item.tag, item.digest) for item in items}


def _asked_in_trouble(rollout: OpenRollout | None, seeing: list[_Seeing]) -> bool:
    """Whether a person's word waits for a registry that does not answer: then nothing is registered without it."""
    if rollout is None or rollout.submitted or not rollout.origin.by_person:
        return False
    asked = {item.watch for item in rollout.items}
    return any(each.trouble and each.state.watch.name in asked for each in seeing)


def _ending(
    rollout: OpenRollout, launch: Launch | None, results: list[WatchResult], seeing: list[_Seeing]
) -> Outcome | None:
    """How the open rollout ends, when this look does not register it."""
    if launch is not None and launch.reuse:
        return None
    if launch is not None and not rollout.origin.by_person:
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason="something newer is wanted; it was never registered")
    asked = {item.watch for item in rollout.items}
    if any(each.trouble for each in seeing if each.state.watch.name in asked):
        return None
    holds = [result.decision for result in results if result.watch in asked and isinstance(result.decision, Hold)]
    if not rollout.origin.by_person:
        words = "; ".join(hold.words for hold in holds) or "it is no longer wanted"
        return Outcome(kind=OutcomeKind.SUPERSEDED, reason=f"never registered: {words}")
    if holds and all(hold.reason is HoldReason.UP_TO_DATE for hold in holds):
        return Outcome(kind=OutcomeKind.SUCCEEDED, reason="; ".join(hold.words for hold in holds))
    gone = [item.tag for item in rollout.items]
    words = "; ".join(hold.words for hold in holds if hold.reason is HoldReason.UNUSABLE)
    return Outcome(kind=OutcomeKind.REFUSED, reason=words or f"the registry no longer has {', '.join(gone)}")


def _again_in(claim: Claim, results: list[WatchResult], seeing: list[_Seeing], busy: str) -> float | None:
    attempts = {event.event_id: event.attempts for state in claim.watches for event in state.events}
    pauses = [
        EVENT_PAUSES[attempts[each.event_id]]
        for result in results
        for each in result.events
        if not each.settled and attempts[each.event_id] < len(EVENT_PAUSES)
    ]
    for each in seeing:
        if each.trouble:
            pauses.append(max(each.retry_after or 0.0, _back_off(claim.attempts)))
    if busy and (claim.rollout is None or not claim.rollout.submitted):
        pauses.append(2.0)
    return min(pauses, default=None)


async def _settle(looker: Looker, claim: Claim, result: Result) -> None:
    ring_written(looker.doorbell, claim.target_id, await looker.looks.settle(claim, result))


async def _put_off(looker: Looker, claim: Claim, error: Transient | Permanent) -> None:
    """Nomad did not answer, or refused: look again later, growing rarer; a conflict is looked at again at once."""
    if isinstance(error, JobChanged):
        seconds = 0.05
    else:
        asked = error.retry_after if isinstance(error, Transient) else None
        seconds = max(asked or 0.0, _back_off(claim.attempts))
    trouble = "" if isinstance(error, JobChanged) else str(error)
    log.warning("look.put_off", target=claim.target_id, seconds=seconds, problem=str(error))
    ring_written(looker.doorbell, claim.target_id, await looker.looks.put_off(claim, seconds=seconds, trouble=trouble))


def _back_off(attempts: int) -> float:
    """0.5 s, doubled each time, up to five minutes."""
    return float(min(300.0, 0.5 * 2 ** min(attempts, 10)))
