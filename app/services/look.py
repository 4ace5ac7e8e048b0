"""One pass over a target: read the registries, read the job, decide for each watch, and register once if need be.

This is the only way to a deployment. It holds the target's lease throughout, and no transaction across network I/O.
"""

from contextlib import suppress
from dataclasses import dataclass

import structlog

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.job import JobState
from app.errors import JobChanged, Permanent, Transient
from app.ports import Deployer, Doorbell, RegistrySource
from app.services import again
from app.services import launch as launches
from app.services.consider import Circumstances, consider
from app.services.fleet import Fleet
from app.services.lease import held
from app.services.ringing import ring_written
from app.services.seeing import Eyes, Seeing, see_all
from app.services.served import check_served
from app.services.submit import recover_open, submit
from app.services.target import Claim, LeaseLost, Looks, Result, Sight, WatchResult, Written

log = structlog.get_logger()

_FOREIGN_PAUSE = 2.0  # seconds between two looks at a Nomad deployment of somebody else
_CONFLICT_PAUSE = 0.05
_MEANWHILE = "its end is waited for, and a deploy by hand goes first"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSettings:
    """Times in seconds: the lease, how often a job is read though nothing moved, how often pinned tags are listed, how
    often it is asked whether what runs is still served, and how long a Nomad deployment of somebody else may stand
    still before it is no longer waited for. `fleet` is what holds for all targets together."""

    lease: float
    reread_job: float
    relist_tags: float = 900.0
    recheck_served: float = 900.0
    stall_after: float
    fleet: Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """What a look works with."""

    looks: Looks
    registries: RegistrySource
    deployer: Deployer
    doorbell: Doorbell
    settings: LookSettings


async def look(looker: Looker, target_id: int) -> bool:
    """Look at the target once, if it is due and nobody else is at it; returns whether that was so.

    Raises StoreUnavailable; what a registry or Nomad cannot answer now puts the target off instead.
    """
    claim = await looker.looks.claim(target_id, looker.settings.lease)
    if claim is None:
        return False
    with suppress(LeaseLost):
        async with held(looker.looks, claim, looker.settings.lease):
            try:
                await _pass(looker, claim)
            except (Transient, Permanent) as error:
                await _put_off(looker, claim, error)
    return True


async def _pass(looker: Looker, claim: Claim) -> None:
    if await recover_open(looker, claim):
        return
    fleet = looker.settings.fleet
    if _only_waits(claim) and fleet.turn(claim):
        await _settle(looker, claim, Result(again_in=fleet.pause(claim.place)))
        return
    eyes = Eyes(looks=looker.looks, registries=looker.registries, relist_tags=looker.settings.relist_tags)
    if _job_is_fresh(looker.settings, claim):
        seeing = await see_all(eyes, claim, None, fresh=True)
        if not any(each.moved for each in seeing):
            await _settle(looker, claim, _unmoved(fleet, claim, seeing))
            return
    job = await looker.deployer.inspect(claim.place)
    if _came_late(claim, job) and await recover_open(looker, claim):
        return
    await _decide_all(looker, claim, job, await see_all(eyes, claim, job, fresh=False))


def _came_late(claim: Claim, job: JobState | None) -> bool:
    """Whether a patch that was not there a moment ago may be in the job by now."""
    patch = claim.rollout.patch if claim.rollout is not None and not claim.rollout.submitted else None
    return patch is not None and job is not None and job.index != patch.expected_index


def _only_waits(claim: Claim) -> bool:
    """Whether the target is due for nothing but to see whether it is its turn: that needs no registry and no Nomad."""
    ordered = claim.rollout is not None and (claim.rollout.origin.is_order or claim.rollout.submitted)
    told = any(state.events for state in claim.watches)
    return claim.waits_turn_since is not None and not (claim.thorough or claim.polled or ordered or told)


def _job_is_fresh(settings: LookSettings, claim: Claim) -> bool:
    """Whether the job need not be read while the registries have not moved either."""
    if claim.waits_turn_since is not None and not settings.fleet.turn(claim):
        return False
    if claim.thorough or claim.rollout is not None or claim.job_read_at is None or claim.foreign_progress:
        return False
    return (claim.now - claim.job_read_at).total_seconds() < settings.reread_job


def _unmoved(fleet: Fleet, claim: Claim, seeing: list[Seeing]) -> Result:
    """The result of a look for which the job need not be read."""
    pauses = again.after_trouble(claim, seeing)
    if claim.waits_turn_since is not None:
        pauses.append(fleet.pause(claim.place))
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
        again_in=min(pauses, default=None),
        attempts=again.attempts(claim, seeing),
        poll_in=again.poll_in(seeing),
    )


async def _decide_all(looker: Looker, claim: Claim, job: JobState | None, seeing: list[Seeing]) -> None:
    fleet, open_rollout = looker.settings.fleet, claim.rollout
    busy = busy_with(looker.settings, claim, job)
    circumstances = Circumstances(busy=busy, turn=fleet.turn(claim), heed_elsewhere=fleet.stop_after_failure)
    results, deploys = await _consider_all(looker, claim, job, seeing, circumstances)
    launch = ended = None
    if deploys and job is not None and not launches.asked_in_trouble(open_rollout, seeing):
        launch = launches.launch(job, deploys, open_rollout)
    if open_rollout is not None and not open_rollout.submitted:
        ended = launches.ending(open_rollout, launch, results, seeing)
        # What is given up may have arrived while the registries were asked, and then was registered after all.
        if ended is not None and await recover_open(looker, claim):
            return
    by_order = launch is not None and launch.reuse and open_rollout is not None and open_rollout.origin.is_order
    waits = any(isinstance(each.decision, Hold) and each.decision.reason is HoldReason.WAITS_TURN for each in results)
    pauses = again.pauses(claim, results, seeing)
    if busy and (open_rollout is None or not open_rollout.submitted):
        pauses.append(_FOREIGN_PAUSE)
    if waits:
        pauses.append(fleet.pause(claim.place))
    found = Result(
        job=job,
        job_read=True,
        foreign_progress=_foreign(claim, job),
        watches=tuple(results),
        launch=launch,
        ended=ended,
        again_in=min(pauses, default=None),
        attempts=again.attempts(claim, seeing),
        poll_in=again.poll_in(seeing),
        waits_turn=waits,
        goes_last=fleet.is_own(claim.place),
        bounds=None if by_order else fleet.bounds(claim.place),
    )
    written = await _settle(looker, claim, found)
    if launch is not None and not written.overtaken:
        await submit(looker, claim, launch)


async def _consider_all(
    looker: Looker, claim: Claim, job: JobState | None, seeing: list[Seeing], circumstances: Circumstances
) -> tuple[list[WatchResult], dict[str, tuple[Seeing, Deploy]]]:
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
    if not deploys:
        every = looker.settings.recheck_served
        results = [
            await check_served(looker.registries, claim, each, result, every=every)
            for each, result in zip(seeing, results, strict=True)
        ]
    return results, deploys


def busy_with(settings: LookSettings, claim: Claim, job: JobState | None) -> str:
    """What is under way on the job, with what follows from it; "" when nothing is, or no longer moves."""
    if claim.rollout is not None and claim.rollout.submitted:
        return f"rollout {claim.rollout.rollout_id} is under way; {_MEANWHILE}"
    if job is None or job.deployment is None or job.deployment.job_spec_index == claim.stalled_index:
        return ""
    if _foreign(claim, job) == claim.foreign_progress and claim.foreign_since is not None:
        still = (claim.now - claim.foreign_since).total_seconds()
        if still > settings.stall_after:
            return ""
    return f"a Nomad deployment is active on the job ({job.deployment.description}); {_MEANWHILE}"


def _foreign(claim: Claim, job: JobState | None) -> str:
    if job is None or job.deployment is None or (claim.rollout is not None and claim.rollout.submitted):
        return ""
    return f"{job.deployment.deployment_id} {job.deployment.progress}"


async def _settle(looker: Looker, claim: Claim, result: Result) -> Written:
    written = await looker.looks.settle(claim, result)
    ring_written(looker.doorbell, claim.target_id, written)
    return written


async def _put_off(looker: Looker, claim: Claim, error: Transient | Permanent) -> None:
    """Nomad did not answer, or refused: look again later, growing rarer; a conflict is looked at again at once."""
    conflict = isinstance(error, JobChanged)
    seconds = _CONFLICT_PAUSE if conflict else again.after_error(claim, error)
    trouble = "" if conflict else str(error)
    log.warning("look.put_off", target=claim.target_id, seconds=seconds, problem=str(error))
    written = await looker.looks.put_off(claim, seconds=seconds, trouble=trouble, refused=isinstance(error, Permanent))
    ring_written(looker.doorbell, claim.target_id, written)
