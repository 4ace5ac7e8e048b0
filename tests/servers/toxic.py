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
"""

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit, urlunsplit


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
        self.died = 0
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
                dead = asyncio.Event()
                there = asyncio.create_task(self._pump(reader, up_writer, dead, is_reply=False))
                back = asyncio.create_task(self._pump(up_reader, writer, dead, is_reply=True))
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

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dead: asyncio.Event, *, is_reply: bool
    ) -> None:
        await self._pass_on(reader, writer, dead, is_reply=is_reply)
        if self.partitioned or dead.is_set():
            dead.set()
            await self._die()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dead: asyncio.Event, *, is_reply: bool
    ) -> None:
        """Forward until the stream or the connection ends."""
        while chunk := await reader.read(65536):
            if not is_reply:
                self.heard.append(chunk[:80])
            await asyncio.sleep(self.latency)
            if self.partitioned or dead.is_set():
                return
            if not is_reply and self.dead_from is not None and self.dead_from in chunk:
                writer.write(chunk.partition(self.dead_from)[0])
                dead.set()
                return
            if self.black_hole:
                continue
            if is_reply and self.cut_reply_after is not None:
                chunk, self.cut_reply_after = chunk[: self.cut_reply_after], self.cut_reply_after - len(chunk)
                if self.cut_reply_after < 0:
                    self.cut_reply_after = None
                    writer.write(chunk)
                    await writer.drain()
                    return
            writer.write(chunk)
            await writer.drain()
