"""Every action of the pages: the text of its confirmation, and the command that it runs when a person confirms."""

from collections.abc import Awaitable, Mapping
from uuid import UUID

from starlette.requests import Request

from app.domain.decision import HoldReason
from app.errors import Rejected
from app.services.commands import preview, rollouts, watches
from app.services.commands.watches import Reply
from app.services.ingest import replay
from app.services.views.board import Search
from app.services.views.queries import RolloutView, WatchView
from app.web.api.tags import repository_name
from app.web.http.auth import Role
from app.web.http.forms import idempotency_key
from app.web.pages.confirmation_frame import Confirmation, ConfirmedAction, UnconfirmedAction, with_preview
from app.web.pages.deliveries import find_delivery
from app.web.process import caller, operator, process_of
from app.web.render.wording import path
from app.webhooks import DIALECTS

Fields = Mapping[str, str]


async def watch_of(request: Request) -> WatchView:
    """The watch that the path names; Rejected (404) when it is not configured."""
    repo = repository_name(request)
    watch = await process_of(request).services.queries.watch(repo)
    if watch is None:
        raise Rejected(str(watches.unknown_watch(repo)), status=404)
    return watch


def rollout_id(request: Request) -> UUID:
    """The rollout id in the path; Rejected (404) when it is not a UUID."""
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise rollouts.unknown_rollout() from None


def watch_page(request: Request) -> str:
    """The page of the watch that the path names."""
    return f"/repos/{path(repository_name(request))}"


async def _reset(request: Request) -> Confirmation:
    watch = await watch_of(request)
    confirmation = Confirmation(
        title=f"Reset {watch.name}",
        sentences=("It will follow releases, and auto deploy will be on.",),
        button="Reset",
    )
    return await with_preview(confirmation, preview.preview_reset(operator(request), watch.name))


async def _do_reset(request: Request, fields: Fields) -> Reply:
    return await watches.reset(
        operator(request), repository_name(request), by=caller(request), idempotency_key=idempotency_key(fields)
    )


async def _switch_on(request: Request) -> Confirmation:
    watch = await watch_of(request)
    held = watch.decision is not None and watch.decision.reason is HoldReason.AUTO_DEPLOY_OFF
    pending = f"{watch.desired} is held, and will be deployed at once." if held else "Nothing waits to be deployed."
    if watch.decision is None:
        pending = "It was not checked yet, so it is not known whether an update waits; the first check decides."
    trigger = "a new push of its tag" if watch.pinned_tag else "each new release"
    sentences = (f"From now on {trigger} is deployed automatically.", pending)
    return Confirmation(title=f"Switch auto deploy of {watch.name} on", sentences=sentences, button="Switch on")


async def _switch_off(request: Request) -> Confirmation:
    watch = await watch_of(request)
    sentences = ("Nothing is deployed automatically; updates are held until auto deploy is on again.",
                 "The running image stays, and a person can still deploy.")  # fmt: skip
    return Confirmation(
        title=f"Switch auto deploy of {watch.name} off", sentences=sentences, button="Switch off", takes_reason=True
    )


async def _do_switch_on(request: Request, _fields: Fields) -> Reply:
    return await watches.set_rule(operator(request), repository_name(request), by=caller(request), auto_deploy=True)


async def _do_switch_off(request: Request, fields: Fields) -> Reply:
    return await watches.set_rule(
        operator(request), repository_name(request), by=caller(request), reason=_reason(fields), auto_deploy=False
    )


async def _release(request: Request) -> Confirmation:
    watch = await watch_of(request)
    sentences = [f"{digest} failed here; it may be deployed again." for digest in watch.failed]
    if watch.rolled_back_at is not None:
        sentences.append("A person rolled back; the undone version may be deployed again.")
    if watch.decision is not None and watch.decision.reason is HoldReason.DRIFTED:
        sentences.append("Somebody else changed the image in the job (drift); that change may be overwritten.")
    title = f"Release hold of {watch.name}"
    if not sentences:
        state = watch.decision.message if watch.decision is not None else "it was not checked yet"
        return _impossible(title, f"no hold of {watch.name} waits for a person: {state}")
    if watch.desired:
        sentences.append(f"The rule wants {watch.desired}; the job is reconciled at once.")
    return Confirmation(title=title, sentences=tuple(sentences), button="Release", takes_reason=True)


async def _do_release(request: Request, fields: Fields) -> Reply:
    return await watches.release_hold(
        operator(request), repository_name(request), by=caller(request), reason=_reason(fields)
    )


async def _rollout(request: Request) -> RolloutView:
    found = await process_of(request).services.queries.rollout(rollout_id(request))
    if found is None:
        raise rollouts.unknown_rollout()
    return found


async def _refusal(check: Awaitable[object]) -> str:
    """Why the command would be refused now (409), "" if it would not. Anything else is raised."""
    try:
        await check
    except Rejected as refused:
        if refused.status != 409:
            raise
        return str(refused)
    return ""


def _impossible(title: str, reason: str) -> Confirmation:
    return Confirmation(title=title, sentences=(f"{reason[0].upper()}{reason[1:]}.",), button="")


async def _promote(request: Request) -> Confirmation:
    rollout = (await _rollout(request)).summary
    title = f"Promote {rollout.what}"
    if reason := await _refusal(rollouts.check_promote(operator(request), rollout.rollout_id)):
        return _impossible(title, reason)
    deployment = rollout.deployment
    health = f"{deployment.healthy} of {deployment.canaries} canaries are healthy. " if deployment else ""
    sentences = (f"{health}All other allocations are replaced with the canary version.",)
    return Confirmation(title=title, sentences=sentences, button="Promote")


async def _do_promote(request: Request, _fields: Fields) -> Reply:
    return await rollouts.promote(operator(request), rollout_id(request), by=caller(request))


async def _fail(request: Request) -> Confirmation:
    rollout = (await _rollout(request)).summary
    title = f"Fail {rollout.what}"
    if reason := await _refusal(rollouts.check_fail(operator(request), rollout.rollout_id)):
        return _impossible(title, reason)
    sentences = ("Nomad’s deployment is marked as failed, as if its allocations were unhealthy.",
                 "The previous version is restored where configured, and the failed digest is held.")  # fmt: skip
    return Confirmation(title=title, sentences=sentences, button="Fail the deployment", danger=True, takes_reason=True)


async def _do_fail(request: Request, fields: Fields) -> Reply:
    return await rollouts.fail(operator(request), rollout_id(request), by=caller(request), reason=_reason(fields))


async def _rollback(request: Request) -> Confirmation:
    rollout = await _rollout(request)
    found = await preview.preview_rollback(operator(request), rollout.summary.rollout_id)
    sentences = (f"{found.message}.", "The rule does not change; the watch is held until something newer appears.")
    title = f"Roll back {', '.join(item.watch for item in rollout.items)}"
    to = f" to {found.goal}" if found.goal else ""
    return Confirmation(
        title=f"{title}{to}",
        sentences=sentences,
        button=f"Roll back{to}",
        danger=True,
        preview=found,
        takes_reason=True,
    )


async def _do_rollback(request: Request, fields: Fields) -> Reply:
    return await rollouts.rollback(
        operator(request),
        rollout_id(request),
        by=caller(request),
        reason=_reason(fields),
        idempotency_key=idempotency_key(fields),
    )


async def _pause(request: Request) -> Confirmation:
    total = (await process_of(request).services.board.listing(Search(), offset=0, limit=0)).total
    watches = "the one watch" if total == 1 else f"all {total} watches"
    sentences = (f"Nothing is deployed automatically for {watches}, until somebody resumes.",
                 "Rollouts in progress continue, and if one fails, the previous image is restored as always.",
                 "A person can still deploy.")  # fmt: skip
    return Confirmation(
        title="Pause everything", sentences=sentences, button="Pause everything", danger=True, takes_reason=True
    )


async def _resume(_request: Request) -> Confirmation:
    sentences = ("Every job is checked now, and updates held by the pause are deployed.",)
    return Confirmation(title="Resume everything", sentences=sentences, button="Resume everything")


async def _do_pause(request: Request, fields: Fields) -> Reply:
    return await watches.switch(operator(request), paused=True, by=caller(request), reason=_reason(fields))


async def _do_resume(request: Request, _fields: Fields) -> Reply:
    return await watches.switch(operator(request), paused=False, by=caller(request))


def _reason(fields: Fields) -> str:
    return fields.get("reason", "")


async def _do_check(request: Request, _fields: Fields) -> Reply:
    return await watches.check(operator(request), repository_name(request), by=caller(request))


async def _do_replay(request: Request, _fields: Fields) -> Reply:
    services = process_of(request).services
    delivery = await find_delivery(request)
    source = services.settings.webhook_sources.get(delivery.source)
    return await replay.replay(
        services.inbox,
        services.waker,
        delivery.delivery_id,
        by=caller(request),
        parse=DIALECTS[source.kind].read if source else None,
    )


def _rollout_page(request: Request) -> str:
    return f"/rollouts/{rollout_id(request)}"


def _first_page(_request: Request) -> str:
    return "/"


def _delivery_page(request: Request) -> str:
    return f"/deliveries/{request.path_params['id']}"


CONFIRMED: tuple[ConfirmedAction, ...] = (
    ConfirmedAction(path="reset/{repo:path}", prepare=_reset, act=_do_reset, back=watch_page),
    ConfirmedAction(path="switch-on/{repo:path}", prepare=_switch_on, act=_do_switch_on, back=watch_page),
    ConfirmedAction(path="switch-off/{repo:path}", prepare=_switch_off, act=_do_switch_off, back=watch_page),
    ConfirmedAction(path="release/{repo:path}", prepare=_release, act=_do_release, back=watch_page),
    ConfirmedAction(path="promote/{id}", prepare=_promote, act=_do_promote, back=_rollout_page),
    ConfirmedAction(path="fail/{id}", prepare=_fail, act=_do_fail, back=_rollout_page),
    ConfirmedAction(path="rollback/{id}", prepare=_rollback, act=_do_rollback, back=_rollout_page),
    ConfirmedAction(path="pause", prepare=_pause, act=_do_pause, back=_first_page, needs=Role.ADMIN),
    ConfirmedAction(path="resume", prepare=_resume, act=_do_resume, back=_first_page, needs=Role.ADMIN),
)

UNCONFIRMED: tuple[UnconfirmedAction, ...] = (
    UnconfirmedAction(path="check/{repo:path}", act=_do_check, back=watch_page),
    UnconfirmedAction(path="replay/{id}", act=_do_replay, back=_delivery_page),
)
