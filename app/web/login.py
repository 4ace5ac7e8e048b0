"""/login and /logout: showing a token once, for a cookie; and giving it back. It works while Postgres is away."""

import asyncio
import time
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.web.auth import SESSION, SESSION_OVER_TLS, check_origin
from app.web.forms import read_form
from app.web.pages import Pages
from app.web.running import running
from app.web.session import LIFETIME, seal

log = structlog.get_logger()

_PAUSE = 0.3  # seconds before a wrong token is refused: guessing is hopeless, and need not be quick either


async def show_login(request: Request) -> Response:
    """200 with the form; 303 to the pages where nobody has to sign in."""
    after = local(request.query_params.get("next", ""))
    if not running(request).services.access.tokens:
        return RedirectResponse(after, 303)
    return _page(request, after, problem="", status=200)


async def login(request: Request) -> Response:
    """303 to where the person wanted to go, with the cookie; 401 with the form for a wrong token."""
    check_origin(request.headers, required=True)
    fields = await read_form(request)
    after = local(fields.get("next", ""))
    found = [each for each in running(request).services.access.tokens if each.matches(fields.get("token", "").strip())]
    if not found:
        log.warning("login.refused", client=request.client.host if request.client else "")
        await asyncio.sleep(_PAUSE)
        problem = "That is no configured token: paste the value of one of [api_tokens.NAME]."
        return _page(request, after, problem=problem, status=401)
    log.info("login.done", by=found[0].name)
    response = RedirectResponse(after, 303, headers={"Cache-Control": "no-store"})
    secure = request.url.scheme == "https"
    response.set_cookie(
        SESSION_OVER_TLS if secure else SESSION,
        seal(found[0], now=time.time()),
        max_age=LIFETIME,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return response


async def logout(request: Request) -> Response:
    """303 to the form, without the cookie."""
    check_origin(request.headers, required=True)
    response = RedirectResponse("/login", 303, headers={"Cache-Control": "no-store"})
    response.delete_cookie(SESSION, httponly=True, samesite="lax")
    response.delete_cookie(SESSION_OVER_TLS, httponly=True, samesite="lax", secure=True)
    return response


def local(url: str) -> str:
    """`url` when it can only be a page of ours, "/" for anything else: nobody's link leads through us elsewhere."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "/"
    safe = url.startswith("/") and not url.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return url if safe and url.isprintable() and "\\" not in url else "/"


def _page(request: Request, after: str, *, problem: str, status: int) -> Response:
    pages: Pages = request.app.state.pages
    return pages.response("login.html", {"next": after, "problem": problem}, status=status)
