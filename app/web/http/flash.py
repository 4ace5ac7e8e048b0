"""What became of a page's form, told to whoever sent it: to a script, or to a browser without one.

A script (htmx) gets a message beside the button that was pressed; a browser is led back, and told on the page there.
"""

import base64
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.services.commands.watches import Reply
from app.web.http.forms import own_path

_COOKIE = "told"
_SECONDS = 60
_MAX = 2500  # bytes before they are encoded for it; browsers drop cookies of more than 4 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """What was just done, or why it was not."""

    message: str
    failed: bool


def by_script(request: Request) -> bool:
    """Whether the page's script asks, and puts the answer into the page."""
    return request.headers.get("hx-request") == "true"


def done(request: Request, reply: Reply, *, back: str) -> Response:
    """What was done; a browser is led to `back`, a path of ours."""
    if by_script(request):
        said = json.dumps({"told": {"message": reply.message}})  # ASCII, as a header has to be
        return Response(status_code=204, headers={"HX-Trigger": said})
    return _led(request, Flash(message=reply.message, failed=False), back)


def refused(request: Request, message: str, *, status: int, back: str) -> Response:
    """Why nothing was done. A script shows the text where its element says so."""
    if by_script(request):
        return Response(message, status, headers={"HX-Reswap": "textContent"}, media_type="text/plain")
    return _led(request, Flash(message=message, failed=True), back)


def came_from(request: Request, otherwise: str) -> str:
    """The page of ours on which the form was, as far as the browser tells."""
    try:
        referer = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return otherwise
    path = referer.path + (f"?{referer.query}" if referer.query else "")
    is_ours = referer.netloc == request.headers.get("host") and own_path(path) == path
    return path if is_ours else otherwise


def take_flash(request: Request) -> Flash | None:
    """What the answer before left to be told. Whoever shows it deletes it."""
    try:
        message, failed = json.loads(base64.urlsafe_b64decode(request.cookies[_COOKIE]))
        return Flash(message=str(message), failed=bool(failed))
    except (KeyError, ValueError, TypeError, RecursionError):
        return None


def _led(request: Request, flash: Flash, back: str) -> Response:
    response = RedirectResponse(back, 303, headers={"Cache-Control": "no-store"})
    value = base64.urlsafe_b64encode(_fitting(flash)).decode()
    response.set_cookie(_COOKIE, value, max_age=_SECONDS, httponly=True, samesite="lax")
    return response


def _fitting(flash: Flash) -> bytes:
    """The flash in as many bytes as a cookie can hold: a long message loses its end."""
    message = flash.message
    while True:
        text = json.dumps([message, flash.failed], ensure_ascii=False).encode(errors="replace")
        if len(text) <= _MAX:
            return text
        message = message[: len(message) * _MAX // len(text)]
