"""Outgoing HTTP: the one module with its time-outs, bounds and redaction.

It must not know the requests nor their servers. The adapters of registries and channels open their clients here.
app/outbound/network.py has the proxies and the bounds of headers, app/outbound/trust.py the authorities. A change of
the HTTP library changes this module's imports and the names that it exports.
"""

import re
from functools import cache
from importlib import metadata

import httpx

from app.outbound.network import AnswerRefused, Network
from app.outbound.trust import shared_trust

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 15.0
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=55.0)
_USERINFO = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://)[^/\s@]*@", re.IGNORECASE)
_QUERY = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://[^\s?#\"'<>]*)[?#][^\s\"'<>]*", re.IGNORECASE)
_MOST_REDACTED = 4_096  # foreign text may be long, and the search for URLs in it takes quadratic time
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


class BodyRefused(AnswerRefused):
    """An answer's body is larger than its limit, or has an encoding that the request did not accept."""


@cache
def user_agent() -> str:
    """This program's User-Agent: `registrywatcher/VERSION`."""
    try:
        return f"registrywatcher/{metadata.version('registrywatcher')}"
    except metadata.PackageNotFoundError:  # run from a plain checkout
        return "registrywatcher"


def open_client(*, ca_file: str | None = None, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client that verifies certificates, follows no redirect, and uses the environment's proxies except for loopback.

    `ca_file` (PEM) is trusted in addition to the public authorities. The client's time-outs are per step; the caller
    bounds a whole request with `asyncio.timeout(WHOLE_SECONDS)`. Raises ValueError, with the fix, for an unusable
    `ca_file` or proxy setting. `transport` replaces the network.
    """
    trust = shared_trust(ca_file)  # whose ValueError is no fault of a proxy
    try:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": user_agent()},
            transport=Network(verify=trust, limits=_LIMITS, instead=transport),
            trust_env=False,  # Network reads the environment's proxies
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise ValueError(
            f"the proxy settings are invalid: {redact(str(error))}; correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
        ) from error


async def read_bounded(response: httpx.Response, limit: int) -> bytes:
    """The body's exact bytes, at most `limit` of them. Raises BodyRefused at most one chunk after the limit.

    Requests should send `Accept-Encoding: identity`: a compressed body may grow without bound, and has another digest.
    """
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise BodyRefused(f"the body is encoded as {bounded(encoding, limit=40)}, which the request did not accept")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            raise BodyRefused(f"the body is larger than {limit:,} bytes")
    return bytes(body)


def redact(text: str) -> str:
    """The start of `text`, without the secret parts of URLs: user names, passwords, queries, fragments."""
    return _QUERY.sub(r"\1?…", _USERINFO.sub(r"\1", text[:_MOST_REDACTED]))


def bounded(text: str, *, limit: int = 300) -> str:
    """`text` on one line without control characters, cut to `limit` characters."""
    line = _UNPRINTABLE.sub(" ", text[: 4 * limit]).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
