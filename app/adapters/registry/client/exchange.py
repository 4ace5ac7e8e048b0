"""One HTTP request and its complete answer: bounded, redirects followed safely.

It must not know what a status means to registries.
"""

from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from app.adapters.registry.client.failures import RegistryAnswer
from app.adapters.registry.client.origins import keeps_credentials, why_unsafe
from app.outbound.client import read_bounded

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3


class RedirectRefused(Exception):
    """A redirect that we do not follow. `cause` and `fix` are for people; an empty `fix` means that there is none."""

    def __init__(self, cause: str, *, fix: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRequest:
    """The request to send. `authorization` goes to the origin of `url` only; `limit` bounds the body in bytes."""

    method: str
    url: str
    limit: int
    accept: str
    authorization: str | None = None
    if_none_match: str | None = None


async def exchange(client: httpx.AsyncClient, request: RegistryRequest) -> RegistryAnswer:
    """Send, and read the whole answer. The caller bounds the time.

    Raises httpx.HTTPError, AnswerRefused, RedirectRefused.
    """
    url, authorization = request.url, request.authorization
    for _ in range(_MOST_REDIRECTS + 1):
        response = await client.send(_request(client, request, url, authorization), stream=True)
        try:
            body = await read_bounded(response, request.limit)
        finally:
            await response.aclose()
        location = response.headers.get("location")
        if response.status_code not in _REDIRECTS or not location:
            return RegistryAnswer(status=response.status_code, headers=response.headers, body=body, url=url)
        target = _target(url, location)
        if not keeps_credentials(url, target):
            authorization = None
        url = target
    raise RedirectRefused("its redirects do not end")


def _request(client: httpx.AsyncClient, request: RegistryRequest, url: str, authorization: str | None) -> httpx.Request:
    # Built here: client.build_request merges defaults and cookies, which costs more than the rest of our code.
    headers = {
        "User-Agent": client.headers["user-agent"],
        "Accept": request.accept,
        "Accept-Encoding": "identity",
    }
    if authorization is not None:
        headers["Authorization"] = authorization
    if request.if_none_match is not None:
        headers["If-None-Match"] = request.if_none_match
    return httpx.Request(request.method, url, headers=headers)


def _target(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        httpx.URL(target)
    except (ValueError, httpx.InvalidURL) as error:
        raise RedirectRefused("it redirects to an invalid URL") from error
    reason = why_unsafe(target, home=url)
    if reason is not None:
        raise RedirectRefused(f"it redirects to an unsafe address: {reason}")
    return target
