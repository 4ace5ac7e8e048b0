"""GET and POST /login, POST /logout: a browser shows its token once, and has a session then. Works without scripts.

Wrong tokens are answered slowly, and only few at once: guessing here gets some twenty tries a second of a process, and
yet locks nobody out for long, since a right token waits for nothing. What makes guessing hopeless, here and at the API,
is that tokens are long.
"""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.web.http import session
from app.web.http.auth import Access, Role, check_origin
from app.web.http.forms import own_path, read_form
from app.web.render.pages import Pages
from app.web.running import running

DELAY = 0.5  # seconds that a wrong token waits for its answer
AT_ONCE = 10  # wrong tokens that wait

_WRONG = "This is no configured token: copy it whole, without quotes; the configuration has it in [api_tokens.NAME]"
_BUSY = "Too many wrong tokens are being tried: try again in a second"
_EMPTY = "Enter a token: one of [api_tokens.NAME] in the configuration"


class FailedLogins:
    """The wrong tokens that wait for their answer now."""

    def __init__(self, *, delay: float = DELAY, at_once: int = AT_ONCE) -> None:
        self._delay = delay
        self._at_once = at_once
        self._waiting = 0

    @property
    def many(self) -> bool:
        """Whether so many wait that no more are looked at."""
        return self._waiting >= self._at_once

    async def wait(self) -> None:
        """Wait as long as a wrong token does."""
        self._waiting += 1
        try:
            await asyncio.sleep(self._delay)
        finally:
            self._waiting -= 1


def login_url(request: Request) -> str:
    """Where a browser signs in that asked for this page, and comes back to it."""
    here = own_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
    return "/login" if here == "/" else f"/login?next={quote(here, safe='')}"


async def show_login(request: Request) -> Response:
    """200 with the page; 303 onwards when no tokens are configured."""
    onwards = own_path(request.query_params.get("next", "/"))
    if not running(request).services.access.tokens:
        return _to(onwards)
    return _page(request, onwards)


async def login(request: Request) -> Response:
    """303 onwards with a session; 401 with the page when the token is wrong, 429 when many wrong ones are tried."""
    access = running(request).services.access
    check_origin(request.headers, access.origins)
    fields = await read_form(request)
    onwards = own_path(fields.get("next", "/"))
    if not access.tokens:
        return _to(onwards)
    doubts: FailedLogins = request.app.state.doubts
    if doubts.many:
        return _page(request, onwards, problem=_BUSY, status=429, headers={"Retry-After": "1"})
    candidate = fields.get("token", "").strip()
    token = access.holder(candidate)
    if token is None:
        if candidate:
            await doubts.wait()
        challenge = {"WWW-Authenticate": 'Bearer realm="registrywatcher"'}
        return _page(request, onwards, problem=_WRONG if candidate else _EMPTY, status=401, headers=challenge)
    answer = _to(onwards)
    _set_cookie(answer, request, access, session.seal(token, now=time.time()), age=session.LIFETIME)
    return answer


async def logout(request: Request) -> Response:
    """303 to the page to sign in at, without a session."""
    access = running(request).services.access
    check_origin(request.headers, access.origins)
    answer = _to("/login" if access.tokens else "/")
    _set_cookie(answer, request, access, "", age=0)
    return answer


def _set_cookie(answer: Response, request: Request, access: Access, value: str, *, age: int) -> None:
    secure = access.is_https(request.url.scheme)
    answer.set_cookie(
        session.cookie_name(https=secure), value, max_age=age, path="/", secure=secure, httponly=True, samesite="lax"
    )


def _to(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


def _page(
    request: Request, onwards: str, *, problem: str = "", status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    pages: Pages = request.app.state.pages
    roles = {Role(token.role) for token in running(request).services.access.tokens}
    values = {"next": onwards, "problem": problem, "roles": [role.name.lower() for role in sorted(roles)]}
    return pages.response("login.html", values, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
