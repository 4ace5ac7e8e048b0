"""One pass over a target: read the registries, read the job, decide for each watch, and register once if need be.

This is the only way to a deployment. It holds the target's lease throughout, and no transaction across network I/O.
"""

from contextlib import suppress

import structlog

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.job import JobState
from app.errors import JobChanged, Permanent, Transient
from app.services.reconcile import backoff
from app.services.reconcile import launch as launches
from app.services.reconcile.decide import Circumstances, decide_watch
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.lease import held
from app.services.reconcile.missing_images import check_missing_image
from app.services.reconcile.reconciler import Reconciler, ReconcileSettings
from app.services.reconcile.register import recover_open, register
from app.services.reconcile.resolve import ResolveContext, ResolvedWatch, resolve_all
from app.services.reconcile.targets import Claim, LeaseLost, ResolvedTag, Result, WatchResult, Written
from app.services.wakeup.wake import wake_written

log = structlog.get_logger()

_FOREIGN_PAUSE = 2.0  # seconds between two looks at a Nomad deployment of somebody else
_CONFLICT_PAUSE = 0.05
_MEANWHILE = "its end is waited for, and a deploy by hand goes first"


async def reconcile(reconciler: Reconciler, target_id: int) -> bool:
    """Look at the target once, if it is due and nobody else is at it; returns whether that was so.

    Raises StoreUnavailable; what a registry or Nomad cannot answer now puts the target off instead.
    """
    claim = await reconciler.targets.claim(target_id, reconciler.settings.lease)
    if claim is None:
        return False
    with suppress(LeaseLost):
        async with held(reconciler.targets, claim, reconciler.settings.lease):
            try:
                await _pass(reconciler, claim)
            except (Transient, Permanent) as error:
                await _requeue(reconciler, claim, error)
    return True


async def _pass(reconciler: Reconciler, claim: Claim) -> None:
    if await recover_open(reconciler, claim):
        return
    fleet = reconciler.settings.fleet
    if _is_only_queued(claim) and fleet.turn(claim):
        await _settle(reconciler, claim, Result(requeue_in=fleet.pause(claim.place)))
        return
    context = ResolveContext(
        targets=reconciler.targets, registries=reconciler.registries, relist_tags=reconciler.settings.relist_tags
    )
    if _job_is_fresh(reconciler.settings, claim):
        resolved_watches = await resolve_all(context, claim, None, fresh=True)
        if not any(each.moved for each in resolved_watches):
            await _settle(reconciler, claim, _unmoved(fleet, claim, resolved_watches))
            return
    job = await reconciler.deployer.inspect(claim.place)
    if _came_late(claim, job) and await recover_open(reconciler, claim):
        return
    await _decide_all(reconciler, claim, job, await resolve_all(context, claim, job, fresh=False))


def _came_late(claim: Claim, job: JobState | None) -> bool:
    """Whether a patch that was not there a moment ago may be in the job by now."""
    patch = claim.rollout.patch if claim.rollout is not None and not claim.rollout.submitted else None
    return patch is not None and job is not None and job.index != patch.expected_index


def _is_only_queued(claim: Claim) -> bool:
    """Whether the target is due for nothing but to see whether it is its turn: that needs no registry and no Nomad."""
    ordered = claim.rollout is not None and (claim.rollout.origin.is_explicit or claim.rollout.submitted)
    told = any(state.events for state in claim.watches)
    return claim.queued_since is not None and not (claim.inspect_job or claim.polled or ordered or told)


def _job_is_fresh(settings: ReconcileSettings, claim: Claim) -> bool:
    """Whether the job need not be read while the registries have not moved either."""
    if claim.queued_since is not None and not settings.fleet.turn(claim):
        return False
    if claim.inspect_job or claim.rollout is not None or claim.job_read_at is None or claim.foreign_progress:
        return False
    return (claim.now - claim.job_read_at).total_seconds() < settings.reread_job


def _unmoved(fleet: Fleet, claim: Claim, resolved_watches: list[ResolvedWatch]) -> Result:
    """The result of a look for which the job need not be read."""
    pauses = backoff.after_outage(claim, resolved_watches)
    if claim.queued_since is not None:
        pauses.append(fleet.pause(claim.place))
    return Result(
        watches=tuple(
            WatchResult(
                watch=each.state.watch.name,
                outage=each.outage,
                sight=ResolvedTag(tags=each.seen.tags, tag=each.state.desired_tag, digest=each.state.desired_digest)
                if each.seen is not None
                else None,
            )
            for each in resolved_watches
        ),
        requeue_in=min(pauses, default=None),
        attempts=backoff.attempts(claim, resolved_watches),
        poll_in=backoff.poll_in(resolved_watches),
    )


async def _decide_all(
    reconciler: Reconciler, claim: Claim, job: JobState | None, resolved_watches: list[ResolvedWatch]
) -> None:
    fleet, open_rollout = reconciler.settings.fleet, claim.rollout
    busy = busy_with(reconciler.settings, claim, job)
    circumstances = Circumstances(busy=busy, turn=fleet.turn(claim), heed_elsewhere=fleet.stop_after_failure)
    results, deploys = await _consider_all(reconciler, claim, job, resolved_watches, circumstances)
    launch = ended = None
    if deploys and job is not None and not launches.requested_during_outage(open_rollout, resolved_watches):
        launch = launches.launch(job, deploys, open_rollout)
    if open_rollout is not None and not open_rollout.submitted:
        ended = launches.ending(open_rollout, launch, results, resolved_watches)
        # What is given up may have arrived while the registries were asked, and then was registered after all.
        if ended is not None and await recover_open(reconciler, claim):
            return
    by_explicit = launch is not None and launch.reuse and open_rollout is not None and open_rollout.origin.is_explicit
    waits = any(isinstance(each.decision, Hold) and each.decision.reason is HoldReason.QUEUED for each in results)
    pauses = backoff.pauses(claim, results, resolved_watches)
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
        requeue_in=min(pauses, default=None),
        attempts=backoff.attempts(claim, resolved_watches),
        poll_in=backoff.poll_in(resolved_watches),
        queued=waits,
        queued_last=fleet.is_own(claim.place),
        bounds=None if by_explicit else fleet.bounds(claim.place),
    )
    written = await _settle(reconciler, claim, found)
    if launch is not None and not written.overtaken:
        await register(reconciler, claim, launch)


async def _consider_all(
    reconciler: Reconciler,
    claim: Claim,
    job: JobState | None,
    resolved_watches: list[ResolvedWatch],
    circumstances: Circumstances,
) -> tuple[list[WatchResult], dict[str, tuple[ResolvedWatch, Deploy]]]:
    results: list[WatchResult] = []
    deploys: dict[str, tuple[ResolvedWatch, Deploy]] = {}
    for each in resolved_watches:
        if each.seen is None:
            results.append(WatchResult(watch=each.state.watch.name, outage=each.outage))
            continue
        result, decision = decide_watch(claim, job, each, circumstances)
        results.append(result)
        if isinstance(decision, Deploy):
            deploys[each.state.watch.name] = (each, decision)
    if not deploys:
        every = reconciler.settings.recheck_images
        results = [
            await check_missing_image(reconciler.registries, claim, each, result, every=every)
            for each, result in zip(resolved_watches, results, strict=True)
        ]
    return results, deploys


def busy_with(settings: ReconcileSettings, claim: Claim, job: JobState | None) -> str:
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


async def _settle(reconciler: Reconciler, claim: Claim, result: Result) -> Written:
    written = await reconciler.targets.settle(claim, result)
    wake_written(reconciler.waker, claim.target_id, written)
    return written


async def _requeue(reconciler: Reconciler, claim: Claim, error: Transient | Permanent) -> None:
    """Nomad did not answer, or refused: look again later, growing rarer; a conflict is looked at again at once."""
    conflict = isinstance(error, JobChanged)
    seconds = _CONFLICT_PAUSE if conflict else backoff.after_error(claim, error)
    outage = "" if conflict else str(error)
    log.warning("look.put_off", target=claim.target_id, seconds=seconds, problem=str(error))
    written = await reconciler.targets.requeue(
        claim, seconds=seconds, outage=outage, refused=isinstance(error, Permanent)
    )
    wake_written(reconciler.waker, claim.target_id, written)
