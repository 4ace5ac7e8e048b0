"""Renders templates to pages. The handler gives a page's own values; `show` adds the values that every page shows."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.web.http.assets import FOLDER as STATIC
from app.web.http.assets import Assets
from app.web.http.auth import Role
from app.web.http.flash import take_flash
from app.web.process import all_outages, caller, limit, process_of, role
from app.web.render import running
from app.web.render.wording import FILTERS, path

_NONE: Mapping[str, str] = MappingProxyType({})
FOLDER = Path(__file__).parent / "templates"


class Pages:
    """Renders templates; one instance serves the whole process."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update({**FILTERS, **running.FILTERS})
        self._environment.globals.update(static=assets.url, version=version("registrywatcher"))

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """The page as text."""
        return self._environment.get_template(template).render(values)

    def response(
        self,
        template: str,
        values: Mapping[str, object],
        *,
        status: int = 200,
        headers: Mapping[str, str] = _NONE,
    ) -> Response:
        """The page as a response that is not cached."""
        text = self.render(template, values)
        kept = {"Cache-Control": "private, no-cache", "Vary": "Accept, Cookie, HX-Request"}
        return Response(text, status, headers={**kept, **headers}, media_type="text/html")


async def icon(_request: Request) -> Response:
    """200 with our icon, for browsers that request it without a page, as when they show JSON."""
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")


async def show(
    request: Request, template: str, values: Mapping[str, object], *, title: str, status: int = 200
) -> Response:
    """A page with the values that every page shows: the pause, outages, the signed-in caller, and the last result.

    Raises StoreUnavailable.
    """
    process = process_of(request)
    situation = await process.services.board.situation()
    pages: Pages = request.app.state.pages
    caller_role = role(request)
    flash = take_flash(request)
    common = {
        "title": title,
        "current_path": path(request.scope["path"]),
        "situation": situation,
        "now": situation.now,
        "outages": all_outages(process, situation.outages),
        "caller": caller(request),
        "signed_in": bool(caller(request)),
        "role": caller_role.name.lower(),
        "limit": limit(request),
        "may_change": caller_role >= Role.DEPLOYER,
        "may_pause": caller_role >= Role.ADMIN,
        "flash": flash,
        "nomad_ui": process.services.settings.nomad_ui,
    }
    response = pages.response(template, {**common, **values}, status=status)
    if flash is not None:
        response.delete_cookie("flash")
    return response
