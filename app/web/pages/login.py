"""GET and POST /login, POST /logout: a browser sends its token once, and gets a session. Works without scripts.

Wrong tokens are answered slowly, and only few at a time: guessing gets about twenty tries a second per process. It
locks nobody out for long, since a right token does not wait. Guessing is hopeless, here and at the API, because tokens
are long.
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
from app.web.process import process_of
from app.web.render.pages import Pages

DELAY = 0.5  # seconds until the response to a wrong token
AT_ONCE = 10  # wrong tokens that wait at the same time

_WRONG = "This is not a configured token: copy one whole, without quotes, from [api_tokens.NAME] in the configuration"
_BUSY = "Too many wrong tokens at the same time: try again in a second"
_EMPTY = "The token is empty: enter one of [api_tokens.NAME] in the configuration"


class FailedLogins:
    """The wrong tokens that wait for their response now."""

    def __init__(self, *, delay: float = DELAY, at_once: int = AT_ONCE) -> None:
        self._delay = delay
        self._at_once = at_once
        self._waiting = 0

    @property
    def full(self) -> bool:
        """Whether so many wait that no other token is checked."""
        return self._waiting >= self._at_once

    async def wait(self) -> None:
        """Wait as long as a wrong token must."""
        self._waiting += 1
        try:
            await asyncio.sleep(self._delay)
        finally:
            self._waiting -= 1


def login_url(request: Request) -> str:
    """The login page's URL, with the requested page as the page to return to."""
    here = own_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
    return "/login" if here == "/" else f"/login?next={quote(here, safe='')}"


async def show_login(request: Request) -> Response:
    """200 with the page; 303 to the next page when no tokens are configured."""
    next_page = own_path(request.query_params.get("next", "/"))
    if not process_of(request).services.access.tokens:
        return _redirect(next_page)
    return _page(request, next_page)


async def login(request: Request) -> Response:
    """303 to the next page with a session; 401 with the page when the token is wrong, 429 after many wrong ones."""
    access = process_of(request).services.access
    check_origin(request.headers, access.origins)
    fields = await read_form(request)
    next_page = own_path(fields.get("next", "/"))
    if not access.tokens:
        return _redirect(next_page)
    failed_logins: FailedLogins = request.app.state.failed_logins
    if failed_logins.full:
        return _page(request, next_page, problem=_BUSY, status=429, headers={"Retry-After": "1"})
    candidate = fields.get("token", "").strip()
    token = access.holder(candidate)
    if token is None:
        if candidate:
            await failed_logins.wait()
        challenge = {"WWW-Authenticate": 'Bearer realm="registrywatcher"'}
        return _page(request, next_page, problem=_WRONG if candidate else _EMPTY, status=401, headers=challenge)
    response = _redirect(next_page)
    _set_cookie(response, request, access, session.sign(token, now=time.time()), age=session.LIFETIME)
    return response


async def logout(request: Request) -> Response:
    """303 to the login page, without a session."""
    access = process_of(request).services.access
    check_origin(request.headers, access.origins)
    response = _redirect("/login" if access.tokens else "/")
    _set_cookie(response, request, access, "", age=0)
    return response


def _set_cookie(response: Response, request: Request, access: Access, value: str, *, age: int) -> None:
    secure = access.is_https(request.url.scheme)
    response.set_cookie(
        session.cookie_name(https=secure), value, max_age=age, path="/", secure=secure, httponly=True, samesite="lax"
    )


def _redirect(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


def _page(
    request: Request, next_page: str, *, problem: str = "", status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    pages: Pages = request.app.state.pages
    roles = {Role(token.role) for token in process_of(request).services.access.tokens}
    values = {"next": next_page, "problem": problem, "roles": [role.name.lower() for role in sorted(roles)]}
    return pages.response("login.html", values, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
