"""One pass over a target: read the registries, read the job, decide for each watch, and register once if need be.

This is the only way to a deployment. It holds the target's lease throughout, and no transaction across network I/O.
"""

from contextlib import suppress
from dataclasses import dataclass

import structlog

from app.domain.decision import Deploy
from app.domain.job import JobState
from app.errors import JobChanged, Permanent, Transient
from app.ports import Deployer, Doorbell, RegistrySource
from app.services import launch as launches
from app.services.consider import Circumstances, consider
from app.services.lease import held
from app.services.ringing import ring_written
from app.services.see import pause_after
from app.services.seeing import Eyes, Seeing, see_all
from app.services.submit import recover_open, submit
from app.services.target import Claim, LeaseLost, Looks, Result, Sight, WatchResult, Written

log = structlog.get_logger()

# What comes back after a long absence is noticed soon; what was refused waits for a person to mend it. In seconds.
_LONGEST_PAUSE = 30.0
_LONGEST_PAUSE_AFTER_REFUSAL = 300.0

_FOREIGN_PAUSE = 2.0  # seconds between two looks at a Nomad deployment of somebody else


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
    eyes = Eyes(looks=looker.looks, registries=looker.registries, relist_tags=looker.settings.relist_tags)
    if _job_is_fresh(looker.settings, claim):
        seeing = await see_all(eyes, claim, None, fresh=True)
        if not any(each.moved for each in seeing):
            await _settle(looker, claim, _unmoved(claim, seeing))
            return
    job = await looker.deployer.inspect(claim.place)
    await _decide_all(looker, claim, job, await see_all(eyes, claim, job, fresh=False))


def _job_is_fresh(settings: LookSettings, claim: Claim) -> bool:
    """Whether the job need not be read while the registries have not moved either."""
    if claim.thorough or claim.rollout is not None or claim.job_read_at is None or claim.foreign_progress:
        return False
    return (claim.now - claim.job_read_at).total_seconds() < settings.reread_job


def _unmoved(claim: Claim, seeing: list[Seeing]) -> Result:
    """The result of a look for which the job need not be read."""
    return Result(
        watches=tuple(
            WatchResult(
                watch=each.state.watch.name,
                trouble=each.trouble,
                sight=Sight(tags=each.seen.tags, tag=each.state.wanted_tag, digest=each.state.wanted_digest)
                if each.seen is not None
                else None,
            )
            for each in seeing
        ),
        again_in=min(_after_trouble(claim, seeing), default=None),
        attempts=_attempts(claim, seeing),
        poll_in=_poll_in(seeing),
    )


async def _decide_all(looker: Looker, claim: Claim, job: JobState | None, seeing: list[Seeing]) -> None:
    busy = _busy(looker.settings, claim, job)
    circumstances = Circumstances(busy=busy)
    open_rollout = claim.rollout
    results: list[WatchResult] = []
    deploys: dict[str, tuple[Seeing, Deploy]] = {}
    for each in seeing:
        if each.seen is None:
            results.append(WatchResult(watch=each.state.watch.name, trouble=each.trouble))
            continue
        result, decision = consider(claim, job, each, circumstances)
        results.append(result)
        if isinstance(decision, Deploy):
            deploys[each.state.watch.name] = (each, decision)
    launch = ended = None
    if deploys and job is not None and not launches.asked_in_trouble(open_rollout, seeing):
        launch = launches.launch(job, deploys, open_rollout)
    if open_rollout is not None and not open_rollout.submitted:
        ended = launches.ending(open_rollout, launch, results, seeing)
    found = Result(
        job=job,
        job_read=True,
        foreign_progress=_foreign(claim, job),
        watches=tuple(results),
        launch=launch,
        ended=ended,
        again_in=_again_in(claim, results, seeing, busy),
        attempts=_attempts(claim, seeing),
        poll_in=_poll_in(seeing),
    )
    written = await _settle(looker, claim, found)
    if launch is not None and not written.overtaken:
        await submit(looker, claim, launch)


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


def _again_in(claim: Claim, results: list[WatchResult], seeing: list[Seeing], busy: str) -> float | None:
    unsettled = {each.event_id for result in results for each in result.events if not each.settled}
    events = (event for state in claim.watches for event in state.events if event.event_id in unsettled)
    pauses = [pause for pause in map(pause_after, events) if pause is not None]
    pauses += _after_trouble(claim, seeing)
    if busy and (claim.rollout is None or not claim.rollout.submitted):
        pauses.append(_FOREIGN_PAUSE)
    return min(pauses, default=None)


def _after_trouble(claim: Claim, seeing: list[Seeing]) -> list[float]:
    """When to ask the registries again that did not tell: as they asked, and ever more rarely."""
    return [max(each.retry_after or 0.0, _back_off(claim.attempts)) for each in seeing if each.trouble]


def _attempts(claim: Claim, seeing: list[Seeing]) -> int:
    return claim.attempts + 1 if any(each.trouble for each in seeing) else 0


def _poll_in(seeing: list[Seeing]) -> float | None:
    """The peace that registries asked for: the poller keeps it too."""
    return max((each.retry_after or 0.0 for each in seeing), default=0.0) or None


async def _settle(looker: Looker, claim: Claim, result: Result) -> Written:
    written = await looker.looks.settle(claim, result)
    ring_written(looker.doorbell, claim.target_id, written)
    return written


async def _put_off(looker: Looker, claim: Claim, error: Transient | Permanent) -> None:
    """Nomad did not answer, or refused: look again later, growing rarer; a conflict is looked at again at once."""
    if isinstance(error, JobChanged):
        seconds = 0.05
    else:
        asked = error.retry_after if isinstance(error, Transient) else None
        longest = _LONGEST_PAUSE if isinstance(error, Transient) else _LONGEST_PAUSE_AFTER_REFUSAL
        seconds = max(asked or 0.0, _back_off(claim.attempts, longest))
    trouble = "" if isinstance(error, JobChanged) else str(error)
    log.warning("look.put_off", target=claim.target_id, seconds=seconds, problem=str(error))
    ring_written(looker.doorbell, claim.target_id, await looker.looks.put_off(claim, seconds=seconds, trouble=trouble))


def _back_off(attempts: int, longest: float = _LONGEST_PAUSE) -> float:
    """0.5 s, doubled each time, up to `longest`."""
    return float(min(longest, 0.5 * 2 ** min(attempts, 10)))
