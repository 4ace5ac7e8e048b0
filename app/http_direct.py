"""An httpx transport straight on asyncio: HTTP/1.1 to the server itself, kept-alive connections, nothing else.

httpx's own costs about 1 ms of CPU a request, most of a poller's sweep; this a fifth of it. It must not know proxies,
redirects or HTTP/2: app/http.py leaves those to httpx.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from app.http_connection import HttpConnection

_Origin = tuple[str, str, int]
_REPEATABLE = frozenset({"GET", "HEAD"})
_DEFAULT_PORT = {"http": 80, "https": 443}
_HAPPY_EYEBALLS_SECONDS = 0.25


class DirectTransport(httpx.AsyncBaseTransport):
    """Keeps connections for `idle_seconds`, at most `most_idle` an origin. Raises httpx's errors with their causes."""

    def __init__(self, *, trust: ssl.SSLContext, most_idle: int = 32, idle_seconds: float = 55.0) -> None:
        self._trust = trust
        self._most_idle = most_idle
        self._idle_seconds = idle_seconds
        self._idle: dict[_Origin, deque[tuple[float, HttpConnection]]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the answer's body is read as it is asked for, and the connection is kept once it is read."""
        url = request.url
        origin = (url.scheme, url.host, url.port or _DEFAULT_PORT.get(url.scheme, 0))
        seconds: dict[str, float | None] = request.extensions.get("timeout", {})
        wire = _serialised(request, b"".join([chunk async for chunk in _chunks(request)]))
        while True:
            kept = self._take(origin)
            connection = kept or await self._connect(origin, seconds.get("connect"))
            try:
                async with _Within(seconds.get("read")):
                    await connection.ask(wire, without_body=request.method == "HEAD")
            except httpx.TransportError:
                connection.abort()
                # The server may have closed a kept connection just as we used it; that is no failure of the request.
                if kept is not None and connection.untouched and request.method in _REPEATABLE:
                    continue
                raise
            except BaseException:
                connection.abort()
                raise
            return httpx.Response(
                connection.status,
                headers=connection.headers,
                stream=_Body(self, origin, connection, seconds.get("read")),
                request=request,
            )

    async def aclose(self) -> None:
        """Close every idle connection."""
        for kept in self._idle.values():
            for _, connection in kept:
                connection.abort()
        self._idle.clear()

    def keep(self, origin: _Origin, connection: HttpConnection) -> None:
        """Take back a connection whose answer is read, or close it when it cannot be used again."""
        kept = self._idle.setdefault(origin, deque())
        if connection.reusable and len(kept) < self._most_idle:
            kept.append((asyncio.get_running_loop().time(), connection))
        else:
            connection.abort()

    def _take(self, origin: _Origin) -> HttpConnection | None:
        kept = self._idle.get(origin)
        now = asyncio.get_running_loop().time()
        while kept:
            since, connection = kept.pop()  # the newest first, so that the others can grow old
            if connection.reusable and now - since < self._idle_seconds:
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: _Origin, seconds: float | None) -> HttpConnection:
        scheme, host, port = origin
        if scheme not in _DEFAULT_PORT:
            raise httpx.UnsupportedProtocol(f"{scheme!r} is not http or https")
        loop = asyncio.get_running_loop()
        # uvloop, the web's, tries one address after the other and takes no such option.
        races = isinstance(loop, asyncio.BaseEventLoop)
        racing: Mapping[str, Any] = {"happy_eyeballs_delay": _HAPPY_EYEBALLS_SECONDS} if races else {}
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    HttpConnection,
                    host,
                    port,
                    ssl=self._trust if scheme == "https" else None,
                    **racing,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (OSError, UnicodeError, OverflowError) as error:
            raise httpx.ConnectError(str(error)) from error
        return connection


class _Body(httpx.AsyncByteStream):
    """The rest of an answer; closing it early costs the connection."""

    def __init__(
        self, transport: DirectTransport, origin: _Origin, connection: HttpConnection, seconds: float | None
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._connection: HttpConnection | None = connection
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None:
            async with _Within(self._seconds):
                chunk = await self._connection.read()
            if not chunk:
                return
            yield chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.keep(self._origin, connection)


class _Within:
    """`asyncio.timeout` that raises httpx's error."""

    def __init__(self, seconds: float | None) -> None:
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *caught: object) -> None:
        try:
            await self._timeout.__aexit__(*caught)  # type: ignore[arg-type]
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time") from error


async def _chunks(request: httpx.Request) -> AsyncIterator[bytes]:
    stream = request.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise httpx.LocalProtocolError("a body that cannot be read here")
    async for chunk in stream:
        yield chunk


def _serialised(request: httpx.Request, body: bytes) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%b: %b" % (name, value) for name, value in request.headers.raw if name.lower() != b"transfer-encoding"]
    if body and "content-length" not in request.headers:
        lines.append(b"Content-Length: %d" % len(body))
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise httpx.LocalProtocolError("a header that would break out of its line")
    return head + b"\r\n\r\n" + body
