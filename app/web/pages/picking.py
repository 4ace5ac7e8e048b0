"""/confirm/deploy/{repo}: pick a tag of all that the registry has, see what it would change, and deploy it once."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from app.domain.rule import arranged
from app.errors import RegistryWatcherError, Rejected
from app.services.commands import preview, watches
from app.services.commands.preview import CommandPreview
from app.services.commands.watches import Reply
from app.services.views.queries import WatchView
from app.web.api.tags import repository_name
from app.web.http.answers import status_of
from app.web.http.flash import by_script, done, refused
from app.web.http.forms import idempotency_key, read_form
from app.web.pages.actions import watch_of, watch_page
from app.web.render.pages import show
from app.web.render.wording import runs_tag
from app.web.running import caller, operator, running

SHOWN = 50


async def show_deploy(request: Request) -> Response:
    """200 with the tags that hold ?find, and what ?tag would change.

    A dialog opens at once: what it would change takes a registry and a Nomad, and is asked for by the dialog itself.
    """
    find, tag = request.query_params.get("find", ""), request.query_params.get("tag", "")
    if by_script(request) and request.headers.get("hx-target") == "dialog-body":
        return await _page(request, find=find, preset=tag)
    return await _page(request, find=find, chosen=tag)


async def deploy(request: Request) -> Response:
    """Told how it went; a refusal stands on the page again, or beside the button."""
    fields = await read_form(request)
    try:
        reply = await _deploy(request, fields)
    except RegistryWatcherError as error:
        if by_script(request):
            return refused(request, str(error), status=status_of(error), back=watch_page(request))
        page = await _page(request, find="", chosen=fields.get("tag", ""), problem=str(error))
        page.status_code = status_of(error)
        return page
    return done(request, reply, back=watch_page(request))


async def _deploy(request: Request, fields: Mapping[str, str]) -> Reply:
    """As the form said: "keep" leaves the rule alone, "pin" stays on the tag."""
    tag, rule, key = fields.get("tag", ""), fields.get("rule", ""), idempotency_key(fields)
    repo, by = repository_name(request), caller(request)
    if not tag:
        raise Rejected("no tag is chosen: choose one, or open the page anew")
    if rule == "keep":
        return await watches.redeploy(operator(request), repo, tag=tag, by=by, idempotency_key=key)
    if rule == "pin":
        return await watches.set_rule(operator(request), repo, by=by, pinned_tag=tag, idempotency_key=key)
    raise Rejected("the form does not say what becomes of the rule (keep or pin): reload the page and try again")


async def _page(
    request: Request, *, find: str, chosen: str = "", preset: str | None = None, problem: str = ""
) -> Response:
    watch = await watch_of(request)
    if preset == "":
        preset = watch.desired or runs_tag(watch)
    held = [tag for tag in arranged(watch.tags) if find.strip().lower() in tag.lower()]
    keeps = bool(chosen) and keeps_rule(watch, chosen)
    seen = first_seen = None
    if chosen:
        try:
            seen = await _preview(request, watch, chosen, keeps=keeps)
            first_seen = (await running(request).services.board.tag(watch.name, chosen)).first_found_at
        except RegistryWatcherError as error:
            problem = problem or str(error)
    values = {
        "watch": watch,
        "find": find,
        "tags": _shown(held, chosen or preset or ""),
        "found": len(held),
        "chosen": chosen,
        "preset": preset or "",
        "keeps": keeps,
        "again": chosen == runs_tag(watch),
        "seen": seen,
        "first_seen": first_seen,
        "problem": problem,
        "idempotency_key": uuid4(),
    }
    return await show(request, "deploy.html", values, title=f"Deploy {watch.name}")


def _shown(held: Sequence[str], chosen: str) -> Sequence[str]:
    """The first tags, with the chosen one whatever its place."""
    first = held[:SHOWN]
    return [chosen, *first[:-1]] if chosen in held and chosen not in first else first


def keeps_rule(watch: WatchView, tag: str) -> bool:
    """Whether deploying the tag leaves the rule alone: it is what runs, or what the rule wants anyway."""
    return tag in (runs_tag(watch), watch.desired, watch.pinned_tag)


async def _preview(request: Request, watch: WatchView, tag: str, *, keeps: bool) -> CommandPreview:
    if keeps:
        return await preview.preview_redeploy(operator(request), watch.name, tag)
    return await preview.preview_rule(operator(request), watch.name, pinned_tag=tag)
