"""/confirm/deploy/{repo}: choose one of the registry's tags, preview its deploy, and deploy it once."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from app.domain.reasons import MAX_REASON
from app.domain.rule import arranged
from app.errors import RegistryWatcherError, Rejected
from app.services.commands import preview, watches
from app.services.commands.preview import CommandPreview
from app.services.commands.watches import Reply
from app.services.views.queries import WatchView
from app.web.api.tags import repository_name
from app.web.http.flash import by_script, done, refused
from app.web.http.forms import idempotency_key, read_form
from app.web.http.responses import status_of
from app.web.pages.actions import watch_of, watch_page
from app.web.process import caller, operator, process_of
from app.web.render.pages import show
from app.web.render.wording import specified_tag

SHOWN = 50


async def show_deploy(request: Request) -> Response:
    """200 with the tags that contain ?find, and the preview of ?tag.

    A dialog opens at once. The preview needs a registry and Nomad, so the dialog itself requests it afterwards, for the
    highlighted tag: the button deploys no other one.
    """
    find, tag = request.query_params.get("find", ""), request.query_params.get("tag", "")
    target = request.headers.get("hx-target") if by_script(request) else ""
    if target == "dialog-body":
        return await _page(request, find=find, preset=tag)
    if target == "tags":
        return await _page(request, find=find, highlighted=tag)
    return await _page(request, find=find, chosen=tag)


async def deploy(request: Request) -> Response:
    """Deploy the chosen tag; a refusal is shown on the page again, or beside the button."""
    fields = await read_form(request)
    try:
        reply = await _deploy(request, fields)
    except RegistryWatcherError as error:
        if by_script(request):
            return refused(request, str(error), status=status_of(error), back=watch_page(request))
        given = fields.get("reason", "")
        page = await _page(request, find="", chosen=fields.get("tag", ""), problem=str(error), reason=given)
        page.status_code = status_of(error)
        return page
    return done(request, reply, back=watch_page(request))


async def _deploy(request: Request, fields: Mapping[str, str]) -> Reply:
    """Deploy as the form says: "keep" leaves the rule unchanged, "pin" pins the tag."""
    tag, rule, key = fields.get("tag", ""), fields.get("rule", ""), idempotency_key(fields)
    reason = fields.get("reason", "")
    repo, by = repository_name(request), caller(request)
    if not tag:
        raise Rejected("no tag is chosen: choose one, or open the page again")
    if rule == "keep":
        return await watches.redeploy(operator(request), repo, tag=tag, by=by, idempotency_key=key)
    if rule == "pin":
        return await watches.set_rule(
            operator(request), repo, by=by, reason=reason, pinned_tag=tag, idempotency_key=key
        )
    raise Rejected("the form lacks its rule (keep or pin): reload the page and try again")


async def _page(
    request: Request,
    *,
    find: str,
    chosen: str = "",
    preset: str | None = None,
    highlighted: str | None = None,
    problem: str = "",
    reason: str = "",
) -> Response:
    watch = await watch_of(request)
    if preset == "":
        preset = watch.desired or specified_tag(watch)
    matching = [tag for tag in arranged(watch.tags) if find.strip().lower() in tag.lower()]
    if preset is None and highlighted is None and find.strip() and chosen not in matching:
        chosen = named(matching, find) or ""
    if highlighted is not None:
        highlighted = named(matching, find) or (highlighted if highlighted in matching else "")
    highlight = chosen or preset or highlighted or ""
    keeps = bool(chosen) and keeps_rule(watch, chosen)
    found = first_found_at = None
    if chosen:
        try:
            found = await _preview(request, watch, chosen, keeps=keeps)
            first_found_at = (await process_of(request).services.board.tag(watch.name, chosen)).first_found_at
        except RegistryWatcherError as error:
            problem = problem or str(error)
    values = {
        "watch": watch,
        "find": find,
        "tags": _shown(matching, highlight, find=find),
        "highlight": highlight,
        "found": len(matching),
        "chosen": chosen,
        "preset": preset or "",
        "keeps": keeps,
        "redeploys": chosen == specified_tag(watch),
        "preview": found,
        "first_found_at": first_found_at,
        "problem": problem,
        "reason": reason,
        "max_reason": MAX_REASON,
        "idempotency_key": uuid4(),
    }
    return await show(request, "deploy.html", values, title=f"Deploy {watch.name}")


def named(matching: Sequence[str], find: str) -> str | None:
    """The tag that the typed text means, of those that contain it: the tag itself, with or without its `v`, or the only
    one. None if several could be meant, or if there is no text."""
    text = find.strip().lower()
    if not text:
        return None
    exact = (tag for meant in (text, f"v{text}") for tag in matching if tag.lower() == meant)
    return next(exact, None) or (matching[0] if len(matching) == 1 else None)


def _shown(tags: Sequence[str], highlight: str, *, find: str) -> Sequence[str]:
    """The first tags, always with the highlighted one, even if the registry no longer has it."""
    first = tags[:SHOWN]
    if not highlight or highlight in first or not tags or (find.strip() and highlight not in tags):
        return first
    return [highlight, *(first if len(first) < SHOWN else first[:-1])]


def keeps_rule(watch: WatchView, tag: str) -> bool:
    """Whether deploying the tag leaves the rule unchanged: the tag runs already, or the rule wants it anyway."""
    return tag in (specified_tag(watch), watch.desired, watch.pinned_tag)


async def _preview(request: Request, watch: WatchView, tag: str, *, keeps: bool) -> CommandPreview:
    if keeps:
        return await preview.preview_redeploy(operator(request), watch.name, tag)
    return await preview.preview_rule(operator(request), watch.name, pinned_tag=tag)
