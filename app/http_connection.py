"""One kept-alive HTTP/1.1 connection: a request's bytes go out, an answer comes in, piece by piece.

It must not know whom it talks to, nor when to use a connection again: that is app/http_direct.py's.
"""

import asyncio
from collections import deque
from typing import cast

import httptools
import httpx

_MOST_HEADER_BYTES = 64 * 1024
_ENOUGH_BUFFERED = 256 * 1024


class HttpConnection(asyncio.Protocol):
    """Give it `ask`, then `read` until b"". `status` and `headers` are the answer's; raises httpx.TransportError."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.untouched = True
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._without_body = False
        self._header_bytes = 0
        self._ended_by_close = False
        self._keeps_alive = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._begun = False
        self._complete = True
        self._failure: httpx.TransportError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: the last answer is complete and the server did not hang up."""
        alive = self._transport is not None and not self._transport.is_closing() and self._failure is None
        return alive and self._complete and self._keeps_alive and not self._chunks

    async def ask(self, request: bytes, *, without_body: bool) -> None:
        """Send a request and wait for the head of its answer; `without_body` for HEAD."""
        self.status, self.headers, self._header_bytes = 0, [], 0
        self._begun, self._complete, self._keeps_alive, self.untouched = False, False, False, True
        self._without_body, self._parser = without_body, httptools.HttpResponseParser(self)
        if self._transport is None or self._failure is not None:
            raise self._failure or httpx.ReadError("the connection is closed")
        self._transport.write(request)
        while not self._begun:
            await self._news()

    async def read(self) -> bytes:
        """The next piece of the body; b"" at its end."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._news()
        chunk = self._chunks.popleft()
        self._buffered -= len(chunk)
        if self._buffered < _ENOUGH_BUFFERED and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return chunk

    def abort(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _news(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: httpx.TransportError) -> None:
        self._failure = self._failure or failure
        self.abort()
        self._wake()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.untouched = False
        if self._parser is None or self._complete:
            self._fail(httpx.RemoteProtocolError("the server sent more than it was asked for"))
            return
        if not self._begun:
            self._header_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(httpx.RemoteProtocolError(f"the answer is no HTTP: {error}"))
        if not self._begun and self._header_bytes > _MOST_HEADER_BYTES:
            self._fail(httpx.RemoteProtocolError("the answer's headers have no end"))
        if self._buffered >= _ENOUGH_BUFFERED and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if self._begun and not self._complete and self._ended_by_close and error is None:
            self._complete = True
        failure = httpx.ReadError(str(error)) if error else httpx.RemoteProtocolError("the server hung up")
        failure.__cause__ = error
        self._transport = None
        if self._complete:
            self._keeps_alive = False
            self._wake()
        else:
            self._fail(failure)

    # httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = cast(httptools.HttpResponseParser, self._parser)
        status = parser.get_status_code()
        if status < 200:  # "100 Continue" and the like announce the answer
            self.headers = []
            return
        named = {name.lower() for name, _ in self.headers}
        self.status, self._begun = status, True
        self._keeps_alive = parser.should_keep_alive()
        self._ended_by_close = not named & {b"content-length", b"transfer-encoding"}
        if self._without_body:
            # HEAD repeats GET's Content-Length, and no body follows. A close-delimited GET would not keep alive either.
            self._keeps_alive = (b"connection", b"close") not in {(n.lower(), v.lower()) for n, v in self.headers}
            self._complete = True

    def on_body(self, body: bytes) -> None:
        if not self._without_body:
            self._chunks.append(body)
            self._buffered += len(body)

    def on_message_complete(self) -> None:
        self._complete = self._begun
