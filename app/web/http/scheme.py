"""The scheme that the browser used, where a proxy in front of us ends TLS: it decides how cookies are set.

Whoever lies about it makes their own cookie stricter, so anybody may say it. It must not touch who called.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send


class BrowserScheme:
    """Gives `app` the scheme "https" where X-Forwarded-Proto says that the browser used it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; only the scheme of a request is changed."""
        if scope["type"] == "http" and _first_hop(Headers(scope=scope)) == "https":
            scope = {**scope, "scheme": "https"}
        await self._app(scope, receive, send)


def _first_hop(headers: Headers) -> str:
    """What the proxy next to the browser said: each one after it appends."""
    return headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
