"""The result of a page's form, for the page's script or for a browser without scripts.

The script (htmx) shows the message beside the pressed button. A browser is redirected, and the next page shows it.
"""

import base64
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.services.commands.watches import Reply
from app.web.http.forms import own_path

_COOKIE = "flash"
_SECONDS = 60
_MAX = 2500  # bytes before encoding; browsers drop cookies over 4 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """The result of the last command, or why it failed."""

    message: str
    failed: bool


def by_script(request: Request) -> bool:
    """Whether the page's script sent the request, and puts the response into the page."""
    return request.headers.get("hx-request") == "true"


def done(request: Request, reply: Reply, *, back: str) -> Response:
    """The response to a command that succeeded; a browser is redirected to `back`, a path of ours."""
    if by_script(request):
        event = json.dumps({"flash": {"message": reply.message}})  # ASCII, as a header has to be
        return Response(status_code=204, headers={"HX-Trigger": event})
    return _redirected(request, Flash(message=reply.message, failed=False), back)


def refused(request: Request, message: str, *, status: int, back: str) -> Response:
    """The response to a command that failed. A script shows the text in the element that the form names."""
    if by_script(request):
        return Response(message, status, headers={"HX-Reswap": "textContent"}, media_type="text/plain")
    return _redirected(request, Flash(message=message, failed=True), back)


def came_from(request: Request, otherwise: str) -> str:
    """The page of ours that had the form, by the Referer header; `otherwise` without one."""
    try:
        referer = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return otherwise
    path = referer.path + (f"?{referer.query}" if referer.query else "")
    is_ours = referer.netloc == request.headers.get("host") and own_path(path) == path
    return path if is_ours else otherwise


def take_flash(request: Request) -> Flash | None:
    """The message that the previous response left in a cookie. The caller that shows it deletes the cookie.

    Lone surrogates, which no page of ours can contain, become "?".
    """
    try:
        message, failed = json.loads(base64.urlsafe_b64decode(request.cookies[_COOKIE]))
        return Flash(message=str(message).encode(errors="replace").decode(), failed=bool(failed))
    except (KeyError, ValueError, TypeError, RecursionError):
        return None


def _redirected(request: Request, flash: Flash, back: str) -> Response:
    response = RedirectResponse(back, 303, headers={"Cache-Control": "no-store"})
    value = base64.urlsafe_b64encode(_fitting(flash)).decode()
    response.set_cookie(_COOKIE, value, max_age=_SECONDS, httponly=True, samesite="lax")
    return response


def _fitting(flash: Flash) -> bytes:
    """The flash in the size of a cookie: a long message is cut."""
    message = flash.message
    while True:
        text = json.dumps([message, flash.failed], ensure_ascii=False).encode(errors="replace")
        if len(text) <= _MAX:
            return text
        message = message[: len(message) * _MAX // len(text)]
