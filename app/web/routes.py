"""The whole URL table on one screen: method, path, handler, and the role that a caller needs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from app.errors import Rejected
from app.web.api import health, live, openapi, operations, repos, tags, webhooks
from app.web.http import answers
from app.web.http.assets import PREFIX, Assets
from app.web.http.auth import NOBODY, Role
from app.web.pages import activity, deliveries, listing, login, picking, repository, rollouts
from app.web.pages.actions import CONFIRMED, UNCONFIRMED
from app.web.render.pages import icon
from app.web.running import admitted, running

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Declared:
    """One route. ANYBODY may call what needs no secret, or checks its own, as webhooks do."""

    method: str
    path: str
    handler: Handler
    needs: Role


async def receive_delivery(request: Request) -> Response:
    """A registry's delivery in, taken with the services as they are now."""
    return await webhooks.webhook(request, running(request).services)


TABLE: tuple[Declared, ...] = (
    Declared("GET", "/ping", health.ping, Role.ANYBODY),
    Declared("GET", "/ping/", health.ping, Role.ANYBODY),
    Declared("GET", "/healthz", health.healthz, Role.ANYBODY),
    Declared("GET", "/readyz", health.readyz, Role.ANYBODY),
    Declared("GET", "/api/openapi.json", openapi.show, Role.ANYBODY),
    Declared("GET", "/repos", repos.list_repos, Role.VIEWER),
    Declared("GET", "/repos/{repo:path}", repository.show_repo, Role.VIEWER),
    Declared("POST", "/repos/{repo:path}/check", repos.check_repo, Role.DEPLOYER),
    Declared("POST", "/repos/{repo:path}/release-hold", repos.release_hold, Role.DEPLOYER),
    Declared("POST", "/tags/{repo:path}/reset", tags.reset_tag, Role.DEPLOYER),
    Declared("POST", "/tags/{repo:path}", tags.set_tag, Role.DEPLOYER),
    Declared("GET", "/tags/{repo:path}", tags.show_tag, Role.VIEWER),
    Declared("GET", "/rollouts", rollouts.list_rollouts, Role.VIEWER),
    Declared("GET", "/rollouts/{id}", rollouts.show_rollout, Role.VIEWER),
    Declared("POST", "/rollouts/{id}/promote", rollouts.promote, Role.DEPLOYER),
    Declared("POST", "/rollouts/{id}/fail", rollouts.fail, Role.DEPLOYER),
    Declared("POST", "/rollouts/{id}/rollback", rollouts.rollback, Role.DEPLOYER),
    Declared("POST", "/pause", operations.pause, Role.ADMIN),
    Declared("POST", "/resume", operations.resume, Role.ADMIN),
    Declared("POST", "/webhooks/{source}", receive_delivery, Role.ANYBODY),
    Declared("GET", "/deliveries", deliveries.list_deliveries, Role.VIEWER),
    Declared("GET", "/deliveries/{id}", deliveries.show_delivery, Role.VIEWER),
    Declared("GET", "/activity", activity.show_activity, Role.VIEWER),
    Declared("GET", "/live", live.live, Role.VIEWER),
)
"""The API, and what is a page for browsers and JSON for others."""

PAGES: tuple[Declared, ...] = (
    Declared("GET", "/", listing.show_page, Role.VIEWER),
    Declared("GET", "/favicon.ico", icon, Role.ANYBODY),
    Declared("GET", "/login", login.show_login, Role.ANYBODY),
    Declared("POST", "/login", login.login, Role.ANYBODY),
    Declared("POST", "/logout", login.logout, Role.ANYBODY),
    Declared("GET", "/rows", listing.show_rows, Role.VIEWER),
    Declared("GET", "/suggestions", listing.suggest, Role.VIEWER),
    Declared("GET", "/confirm/deploy/{repo:path}", picking.show_deploy, Role.DEPLOYER),
    Declared("POST", "/confirm/deploy/{repo:path}", picking.deploy, Role.DEPLOYER),
    *(Declared("GET", f"/confirm/{each.path}", each.show, each.needs) for each in CONFIRMED),
    *(Declared("POST", f"/confirm/{each.path}", each.do, each.needs) for each in CONFIRMED),
    *(Declared("POST", f"/confirm/{each.path}", each.do, each.needs) for each in UNCONFIRMED),
)
"""What only people at a browser need; it changes from version to version."""


def routes(assets: Assets) -> Sequence[BaseRoute]:
    """The table as Starlette takes it, each handler behind the role that it needs; and the page's own files."""
    table = [Route(each.path, guarded(each.handler, each.needs), methods=[each.method]) for each in (*TABLE, *PAGES)]
    return [*table, Mount(PREFIX, assets, name="static")]


def guarded(handler: Handler, needs: Role) -> Handler:
    """`handler`, called only for those who may."""

    @wraps(handler)
    async def handle(request: Request) -> Response:
        request.state.caller = NOBODY
        try:
            request.state.caller = admitted(request, needs)
        except Rejected as error:
            if error.status == 401 and answers.wants_page(request):
                return RedirectResponse(login.login_url(request), 303, headers={"Cache-Control": "no-store"})
            raise
        return await handler(request)

    return handle
