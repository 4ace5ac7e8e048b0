"""The browser's scheme where a proxy in front terminates TLS. It decides how cookies are set.

A forged header only makes the sender's own cookie stricter, so it needs no trust. It does not change the caller.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send


class BrowserScheme:
    """Gives `app` the scheme "https" where X-Forwarded-Proto says that the browser used it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward everything; change only the scheme of a request."""
        if scope["type"] == "http" and _first_hop(Headers(scope=scope)) == "https":
            scope = {**scope, "scheme": "https"}
        await self._app(scope, receive, send)


def _first_hop(headers: Headers) -> str:
    """The value of the proxy next to the browser: the later proxies append theirs."""
    return headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
