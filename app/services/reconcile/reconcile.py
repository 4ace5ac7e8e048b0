"""One pass over a target: resolve its tags, inspect the job, decide for each watch, and register one patch if needed.

This is the only way to a deployment. It holds the target's lease throughout, and no transaction during network I/O.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

import structlog

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.job import JobState
from app.errors import JobChanged, Permanent, Transient, Unforeseen
from app.services.processes.loops import described, is_cancelled
from app.services.reconcile import backoff
from app.services.reconcile import launch as launches
from app.services.reconcile.claim import Claim
from app.services.reconcile.decide import Circumstances, decide_watch
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.lease import held
from app.services.reconcile.missing_images import check_missing_image
from app.services.reconcile.reconciler import Reconciler, ReconcileSettings
from app.services.reconcile.register import recover_open, register
from app.services.reconcile.resolve import ResolveContext, ResolvedWatch, resolve_all
from app.services.reconcile.result import Launch, ResolvedTag, Result, WatchResult, Written
from app.services.reconcile.targets import LeaseLost
from app.services.wakeup.wake import wake_written

log = structlog.get_logger()

_FOREIGN_PAUSE = 2.0  # seconds between two checks of a Nomad deployment of somebody else
_MEANWHILE = "we wait for its end; a manual deploy does not wait"


async def reconcile(reconciler: Reconciler, target_id: int) -> bool:
    """Reconcile the target if it is due and its lease is free; returns whether that was so.

    Raises StoreUnavailable. After an outage of a registry or of Nomad the target is requeued instead.
    """
    claim = await reconciler.targets.claim(target_id, reconciler.settings.lease)
    if claim is None:
        return False
    with suppress(LeaseLost):
        async with held(reconciler.targets, claim, reconciler.settings.lease):
            try:
                await _pass(reconciler, claim)
            except LeaseLost:
                raise
            except (Transient, Permanent) as error:
                await _requeue(reconciler, claim, error)
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                log.exception("target.failed", target=claim.target_id, problem=described(error))
                await _requeue(reconciler, claim, Unforeseen(described(error)))
    return True


async def _pass(reconciler: Reconciler, claim: Claim) -> None:
    if await recover_open(reconciler, claim):
        return
    fleet = reconciler.settings.fleet
    if _is_only_queued(claim) and fleet.queue_reason(claim):
        await _settle(reconciler, claim, Result(requeue_in=fleet.pause(claim.place)))
        return
    context = ResolveContext(
        targets=reconciler.targets, registries=reconciler.registries, relist_tags=reconciler.settings.relist_tags
    )
    if _job_is_fresh(reconciler.settings, claim):
        resolved_watches = await resolve_all(context, claim, None, fresh=True)
        if not any(each.has_changed for each in resolved_watches):
            await _settle(reconciler, claim, _unchanged(fleet, claim, resolved_watches))
            return
    job = await reconciler.deployer.inspect(claim.place)
    if _may_have_arrived(claim, job) and await recover_open(reconciler, claim):
        return
    await _decide_all(reconciler, claim, job, await resolve_all(context, claim, job, fresh=False))


def _may_have_arrived(claim: Claim, job: JobState | None) -> bool:
    """True if our registration may have reached Nomad since this pass began."""
    patch = claim.rollout.patch if claim.rollout is not None and not claim.rollout.submitted else None
    return patch is not None and job is not None and job.index != patch.expected_index


def _is_only_queued(claim: Claim) -> bool:
    """Whether the target is due only to check for a free slot: that needs no registry and no Nomad."""
    requested = claim.rollout is not None and (claim.rollout.origin.is_explicit or claim.rollout.submitted)
    has_events = any(state.events for state in claim.watches)
    return claim.queued_since is not None and not (claim.inspect_job or claim.polled or requested or has_events)


def _job_is_fresh(settings: ReconcileSettings, claim: Claim) -> bool:
    """Whether the job need not be read again if its registries show no change."""
    if claim.queued_since is not None and not settings.fleet.queue_reason(claim):
        return False
    if any(state.history.not_placed for state in claim.watches):
        return False  # no event says that there is room again
    if claim.inspect_job or claim.rollout is not None or claim.job_read_at is None or claim.foreign_progress:
        return False
    # While its changes are followed, they make the target due; while Nomad is away, the last state is all there is.
    if claim.follows_job or claim.nomad_outage:
        return True
    return (claim.now - claim.job_read_at).total_seconds() < settings.reread_job


def _unchanged(fleet: Fleet, claim: Claim, resolved_watches: list[ResolvedWatch]) -> Result:
    """The result of a reconcile that need not read the job."""
    pauses = backoff.after_outage(claim, resolved_watches)
    if claim.queued_since is not None:
        pauses.append(fleet.pause(claim.place))
    return Result(
        watches=tuple(
            WatchResult(
                watch=each.state.watch.name,
                outage=each.outage,
                resolved=ResolvedTag(
                    tags=each.resolved.tags, tag=each.state.desired_tag, digest=each.state.desired_digest
                )
                if each.resolved is not None
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
    circumstances = Circumstances(
        busy=busy, queue_reason=fleet.queue_reason(claim), heed_elsewhere=fleet.stop_after_failure
    )
    results, deploys = await _consider_all(reconciler, claim, job, resolved_watches, circumstances)
    launch = ended = None
    if deploys and job is not None and not launches.requested_during_outage(open_rollout, resolved_watches):
        launch = launches.launch(job, deploys, open_rollout)
        if launch is not None and (no_room := await _no_room(reconciler, claim, launch, deploys)):
            circumstances = replace(circumstances, no_room=no_room)
            results, deploys = await _consider_all(reconciler, claim, job, resolved_watches, circumstances)
            launch = launches.launch(job, deploys, open_rollout)
    if open_rollout is not None and not open_rollout.submitted:
        ended = launches.ending(open_rollout, launch, results, resolved_watches)
        # The patch of an abandoned rollout may have arrived while we asked the registries: then it was registered.
        if ended is not None and await recover_open(reconciler, claim):
            return
    by_explicit = launch is not None and launch.reuse and open_rollout is not None and open_rollout.origin.is_explicit
    queued = any(isinstance(each.decision, Hold) and each.decision.reason is HoldReason.QUEUED for each in results)
    pauses = backoff.pauses(claim, results, resolved_watches)
    if busy and (open_rollout is None or not open_rollout.submitted):
        pauses.append(_FOREIGN_PAUSE)
    if queued:
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
        queued=queued,
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
        if each.resolved is None:
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


async def _no_room(
    reconciler: Reconciler, claim: Claim, launch: Launch, deploys: dict[str, tuple[ResolvedWatch, Deploy]]
) -> str:
    """Why Nomad's plan has no place for what it gave up to place before; "" if it has, or if a person asks for it.

    Without this the rule would repeat the rollout after each deadline, and a revert of Nomad's own would take it back.
    """
    again = any(
        each.requested is None and deploy.digest == each.history.not_placed for each, deploy in deploys.values()
    )
    if not again:
        return ""
    preview = await reconciler.deployer.preview(claim.place, launch.patch)
    return preview.unplaced if preview.allowed else "the token may not ask Nomad's plan (submit-job or plan-job)"


def busy_with(settings: ReconcileSettings, claim: Claim, job: JobState | None) -> str:
    """What is under way on the job, for a message; "" if nothing is, or if it makes no progress any more."""
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
    _log_decisions(claim, result, written)
    wake_written(reconciler.waker, claim.target_id, written)
    return written


def _log_decisions(claim: Claim, result: Result, written: Written) -> None:
    """A line for each decision that differs from the watch's last one; the others are for debugging."""
    for each in result.watches:
        if each.decision is None or written.overtaken:
            continue
        say = log.info if each.watch in written.decided else log.debug
        say(
            "decision.made",
            target=claim.target_id,
            watch=each.watch,
            tag=each.decision.tag,
            digest=each.decision.digest,
            message=each.decision.message,
        )


async def _requeue(reconciler: Reconciler, claim: Claim, error: Transient | Permanent) -> None:
    """Nomad refused or did not answer: reconcile again later, with growing pauses; after one conflict almost at once.

    A Nomad that does not answer is one outage of all its jobs, which the follower of the namespace shows: the target
    keeps its last state, unless it alone gets no answer for long.
    """
    conflict = isinstance(error, JobChanged)
    seconds = backoff.after_conflict(claim) if conflict else backoff.after_error(claim, error)
    outage = None if backoff.is_shown_for_all(claim, error) else str(error) if backoff.is_shown(claim, error) else ""
    # The outage is logged once for all jobs, by whoever reads the stored ones.
    log.debug("target.requeued", target=claim.target_id, seconds=seconds, problem=str(error))
    written = await reconciler.targets.requeue(
        claim,
        seconds=seconds,
        outage=outage,
        is_ours=isinstance(error, Unforeseen),
        refused=isinstance(error, Permanent),
    )
    wake_written(reconciler.waker, claim.target_id, written)
