"""A TCP proxy that misbehaves on demand: slow, silent, cut, or cut in the middle of a reply.

async with ToxicProxy(redis_url) as proxy:
    client = Redis.from_url(proxy.url)
    proxy.black_hole = True        # bytes are taken and lost, both ways
    proxy.cut_reply_after = 10     # each connection's reply is cut after so many more bytes
    proxy.cut()                    # every open connection, now
    proxy.refuse = True            # new connections are closed at once
    await proxy.unplug()           # nothing listens, until `plug`
    proxy.partitioned = True       # what says anything now is dead for good, and nobody is told; as is what connects
    proxy.dead_from = b"..."       # so is a connection whose client says these bytes, which are lost
    proxy.lose_reply_to = b"..."   # the server gets the next such bytes; the connection is cut instead of its reply
    proxy.answer_with = b"..."     # whatever a client says is answered with these bytes, and does not reach the server
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit, urlunsplit


@dataclass(slots=True)
class _Line:
    """One connection of a client, and ours for it to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    dead: bool = False
    loses_reply: bool = False


class ToxicProxy:
    """Stands before the server of a URL; `url` is the same URL through the proxy. Faults are plain attributes."""

    def __init__(self, upstream_url: str) -> None:
        self._upstream = urlsplit(upstream_url)
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""
        self._port = 0
        self.latency = 0.0  # seconds before each chunk, each way
        self.black_hole = False
        self.refuse = False
        self.cut_reply_after: int | None = None
        self.partitioned = False
        self.dead_from: bytes | None = None
        self.lose_reply_to: bytes | None = None
        self.answer_with: bytes | None = None
        self.died = 0
        self.lost = 0  # replies that were cut or lost
        self.answered = 0  # with `answer_with`
        self.accepted = 0
        self.heard: list[bytes] = []  # how each chunk that a client sent began

    def cut(self) -> None:
        """Close every open connection."""
        for connection in self._connections:
            connection.cancel()

    async def __aenter__(self) -> Self:
        await self.plug()
        port = self._port
        credentials, at, _ = self._upstream.netloc.rpartition("@")
        self.url = urlunsplit(self._upstream._replace(netloc=f"{credentials}{at}127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def plug(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Cut every open connection, and refuse new ones as a host does on which nothing listens."""
        self._server.close()
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.CancelledError):
            if self.refuse:
                return
            if self.partitioned:
                await self._die()
            up_reader, up_writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
            with contextlib.closing(up_writer):
                line = _Line(client=writer, server=up_writer)
                there = asyncio.create_task(self._until_dead(line, self._send_on(reader, line)))
                back = asyncio.create_task(self._until_dead(line, self._reply(up_reader, line)))
                try:
                    await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    there.cancel()
                    back.cancel()
                    await asyncio.gather(there, back, return_exceptions=True)

    async def _die(self) -> None:
        """Keep both ends open and send nothing, until this proxy ends."""
        self.died += 1
        await asyncio.Event().wait()

    async def _until_dead(self, line: _Line, forwarding: Coroutine[None, None, None]) -> None:
        await forwarding
        if self.partitioned or line.dead:
            line.dead = True
            await self._die()

    async def _send_on(self, reader: asyncio.StreamReader, line: _Line) -> None:
        """Forward what the client says until the stream or the connection ends."""
        while chunk := await reader.read(65536):
            self.heard.append(chunk[:80])
            await asyncio.sleep(self.latency)
            if self.partitioned or line.dead:
                return
            if self.dead_from is not None and self.dead_from in chunk:
                line.server.write(chunk.partition(self.dead_from)[0])
                line.dead = True
                return
            if self.black_hole:
                continue
            if self.answer_with is not None:
                self.answered += 1
                line.client.write(self.answer_with)
                await line.client.drain()
                continue
            if self.lose_reply_to is not None and self.lose_reply_to in chunk:
                self.lose_reply_to = None
                line.loses_reply = True
            line.server.write(chunk)
            await line.server.drain()

    async def _reply(self, reader: asyncio.StreamReader, line: _Line) -> None:
        """Forward what the server says until the stream or the connection ends."""
        while chunk := await reader.read(65536):
            await asyncio.sleep(self.latency)
            if self.partitioned or line.dead:
                return
            if line.loses_reply:  # the server has done what it replies to
                self.lost += 1
                return
            if self.black_hole:
                continue
            if self.cut_reply_after is not None:
                chunk, self.cut_reply_after = chunk[: self.cut_reply_after], self.cut_reply_after - len(chunk)
                if self.cut_reply_after < 0:
                    self.cut_reply_after = None
                    self.lost += 1
                    line.client.write(chunk)
                    await line.client.drain()
                    return
            line.client.write(chunk)
            await line.client.drain()
