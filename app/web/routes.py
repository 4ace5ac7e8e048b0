"""The whole URL table on one screen: method, path, handler, and the role that a caller needs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from app.errors import Rejected
from app.web.api import health, live, openapi, pause, repos, tags, webhooks, why
from app.web.http import responses
from app.web.http.assets import PREFIX, Assets
from app.web.http.auth import NOBODY, Role
from app.web.pages import activity, deliveries, deploy, login, repositories, repository, rollouts
from app.web.pages import why as why_page
from app.web.pages.actions import CONFIRMED, UNCONFIRMED
from app.web.process import admitted, process_of
from app.web.render.pages import icon

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Declared:
    """One route. Its role is ANYBODY where it needs no secret or, as for webhooks, checks its own."""

    method: str
    path: str
    handler: Handler
    needs: Role


async def receive_delivery(request: Request) -> Response:
    """Receive a registry's delivery with the current services."""
    process = process_of(request)
    return await webhooks.webhook(request, process.services, silent_for=lambda: process.store_silent_for)


TABLE: tuple[Declared, ...] = (
    Declared("GET", "/ping", health.ping, Role.ANYBODY),
    Declared("GET", "/ping/", health.ping, Role.ANYBODY),
    Declared("GET", "/healthz", health.healthz, Role.ANYBODY),
    Declared("GET", "/readyz", health.readyz, Role.ANYBODY),
    Declared("GET", "/api/openapi.json", openapi.show, Role.ANYBODY),
    Declared("GET", "/repos", repos.list_repos, Role.VIEWER),
    Declared("GET", "/repos/{repo:path}/why", why_page.show_why, Role.VIEWER),
    Declared("GET", "/repos/{repo:path}", repository.show_repo, Role.VIEWER),
    Declared("POST", "/repos/{repo:path}/check", repos.check_repo, Role.DEPLOYER),
    Declared("POST", "/repos/{repo:path}/release-hold", repos.release_hold, Role.DEPLOYER),
    Declared("POST", "/tags/{repo:path}/reset", tags.reset_tag, Role.DEPLOYER),
    Declared("POST", "/tags/{repo:path}", tags.set_tag, Role.DEPLOYER),
    Declared("GET", "/tags/{repo:path}/why", why.show_why, Role.VIEWER),
    Declared("GET", "/tags/{repo:path}", tags.show_tag, Role.VIEWER),
    Declared("GET", "/rollouts", rollouts.list_rollouts, Role.VIEWER),
    Declared("GET", "/rollouts/{id}", rollouts.show_rollout, Role.VIEWER),
    Declared("POST", "/rollouts/{id}/promote", rollouts.promote, Role.DEPLOYER),
    Declared("POST", "/rollouts/{id}/fail", rollouts.fail, Role.DEPLOYER),
    Declared("POST", "/rollouts/{id}/rollback", rollouts.rollback, Role.DEPLOYER),
    Declared("POST", "/pause", pause.pause, Role.ADMIN),
    Declared("POST", "/resume", pause.resume, Role.ADMIN),
    Declared("POST", "/webhooks/{source}", receive_delivery, Role.ANYBODY),
    Declared("GET", "/deliveries", deliveries.list_deliveries, Role.VIEWER),
    Declared("GET", "/deliveries/{id}", deliveries.show_delivery, Role.VIEWER),
    Declared("GET", "/activity", activity.show_activity, Role.VIEWER),
    Declared("GET", "/live", live.live, Role.VIEWER),
)
"""The API, and the routes that answer browsers with a page and others with JSON."""

PAGES: tuple[Declared, ...] = (
    Declared("GET", "/", repositories.show_page, Role.VIEWER),
    Declared("GET", "/favicon.ico", icon, Role.ANYBODY),
    Declared("GET", "/login", login.show_login, Role.ANYBODY),
    Declared("POST", "/login", login.login, Role.ANYBODY),
    Declared("POST", "/logout", login.logout, Role.ANYBODY),
    Declared("GET", "/suggestions", repositories.suggest, Role.VIEWER),
    Declared("GET", "/confirm/deploy/{repo:path}", deploy.show_deploy, Role.DEPLOYER),
    Declared("POST", "/confirm/deploy/{repo:path}", deploy.deploy, Role.DEPLOYER),
    *(Declared("GET", f"/confirm/{each.path}", each.show, each.needs) for each in CONFIRMED),
    *(Declared("POST", f"/confirm/{each.path}", each.do, each.needs) for each in CONFIRMED),
    *(Declared("POST", f"/confirm/{each.path}", each.do, each.needs) for each in UNCONFIRMED),
)
"""The routes that only browsers need; they change from version to version."""


def routes(assets: Assets) -> Sequence[BaseRoute]:
    """The table as Starlette routes, each handler guarded by its role, and the static files of the pages."""
    table = [Route(each.path, guarded(each.handler, each.needs), methods=[each.method]) for each in (*TABLE, *PAGES)]
    return [*table, Mount(PREFIX, assets, name="static")]


def guarded(handler: Handler, needs: Role) -> Handler:
    """`handler`, called only for callers with the role."""

    @wraps(handler)
    async def handle(request: Request) -> Response:
        request.state.caller = NOBODY
        try:
            request.state.caller = admitted(request, needs)
        except Rejected as error:
            if error.status == 401 and responses.wants_page(request):
                return RedirectResponse(login.login_url(request), 303, headers={"Cache-Control": "no-store"})
            raise
        return await handler(request)

    return handle
