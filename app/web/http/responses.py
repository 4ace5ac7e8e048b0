"""HTTP responses: values as JSON, and every error of ours as its status with a message for a person.

This module does not decide what is an error; the message comes with the error.
"""

import math
from collections.abc import Mapping

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.errors import RegistryWatcherError, Rejected, StoreSilent, Transient
from app.web.http.flash import by_script, refused
from app.web.http.headers import HEADERS
from app.web.render.pages import Pages

log = structlog.get_logger()

# One line for each error class. Rejected carries its own status; this is its default.
STATUS: Mapping[type[RegistryWatcherError], int] = {
    errors.RegistryWatcherError: 500,
    errors.Rejected: 400,
    errors.InvalidReference: 400,
    errors.ConfigError: 500,
    errors.Transient: 503,
    errors.RegistryUnavailable: 503,
    errors.NomadUnavailable: 503,
    errors.StoreUnavailable: 503,
    errors.StoreSilent: 503,
    errors.OutcomeUnknown: 503,
    errors.ReadingWaits: 503,
    errors.JobChanged: 503,
    errors.Permanent: 500,
    errors.Unforeseen: 500,
    errors.TagNotFound: 400,
    errors.RepositoryNotFound: 400,
    errors.RegistryDenied: 503,
    errors.NomadDenied: 503,
    errors.ReadingRefused: 500,
    errors.JobRejected: 400,
    errors.SchemaMismatch: 503,
}

_TITLES = {401: "Sign in", 403: "Not allowed", 404: "Not found", 503: "Not available now"}


def json_response(content: object, *, status: int = 200) -> Response:
    """`content` as JSON. It is not cached, since it shows the current state."""
    return Response(orjson.dumps(content), status, headers={"Cache-Control": "no-store"}, media_type="application/json")


def status_of(error: RegistryWatcherError) -> int:
    """The HTTP status of an error, by its nearest class in STATUS."""
    if isinstance(error, Rejected):
        return error.status
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def prefers_html(request: Request) -> bool:
    """Whether the caller is a browser or a page's script: it names HTML, with at least the quality of JSON."""
    if by_script(request):
        return True
    quality = {"text/html": 0.0, "application/json": 0.0}
    for part in request.headers.get("accept", "").split(","):
        kind, _, parameters = part.strip().partition(";")
        if kind in quality:
            quality[kind] = _quality(parameters)
    return quality["text/html"] > 0 and quality["text/html"] >= quality["application/json"]


def wants_page(request: Request) -> bool:
    """Whether a browser navigates to a page, so that a redirect is useful; a page's script needs the error itself."""
    headers = request.headers  # browsers omit Sec-Fetch-Mode without HTTPS; htmx identifies itself then
    navigates = headers.get("sec-fetch-mode", "navigate") == "navigate" and not by_script(request)
    return request.method in ("GET", "HEAD") and navigates and prefers_html(request)


async def refuse_error(request: Request, error: Exception) -> Response:
    """The response to an error of ours."""
    assert isinstance(error, RegistryWatcherError)  # registered for this class only
    status = status_of(error)
    headers = {}
    if status == 503:
        retry_after = error.retry_after if isinstance(error, Transient) else None
        headers["Retry-After"] = str(max(1, math.ceil(retry_after or 1)))
        if not isinstance(error, StoreSilent):  # the process reports that once for all requests
            log.warning("request.refused", path=request.url.path, problem=str(error))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="registrywatcher"'  # Basic would make a browser open its own dialog
    return _refusal(request, status, str(error), headers)


async def refuse_http(request: Request, error: Exception) -> Response:
    """The response to an unknown path or a wrong method."""
    assert isinstance(error, HTTPException)  # registered for this class only
    return _refusal(request, error.status_code, str(error.detail), dict(error.headers or {}))


async def refuse_bug(request: Request, error: Exception) -> Response:
    """The response to a bug of this program; its log has the traceback."""
    log.error("request.failed", path=request.url.path, exc_info=error)
    # Starlette sends this response outside of the middleware that adds the headers to all others.
    return _refusal(request, 500, "this is a bug in registrywatcher: see its log for the cause", HEADERS)


def _refusal(request: Request, status: int, message: str, headers: Mapping[str, str]) -> Response:
    if by_script(request) and request.method == "POST":
        return refused(request, message, status=status, back="/")
    if not prefers_html(request):
        refusal = json_response({"message": message}, status=status)
        refusal.headers.update(headers)
        return refusal
    pages: Pages = request.app.state.pages
    title = _TITLES.get(status, "That did not work")
    return pages.response("error.html", {"title": title, "message": message}, status=status, headers=headers)


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
