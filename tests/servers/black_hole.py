"""A relay in front of a TCP server, which a test can cut: what was connected then hears nothing any more, for ever.

It is what a network partition looks like from above TCP: nobody is told, nothing is closed, and new connections are not
answered until it is mended. It must not know what is relayed.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65536


class BlackHole:
    """The relay; `cut` and `mend` may be called from any thread. `swallowed` counts the connections that went dead."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._dead: list[asyncio.StreamWriter] = []
        self._open = threading.Event()
        self._open.set()
        self.port = 0
        self.swallowed = 0

    def cut(self) -> None:
        """From now on nothing passes, and what is connected is dead for good."""
        self._open.clear()

    def mend(self) -> None:
        """New connections pass again."""
        self._open.set()

    async def serve(self, started: "threading.Event", stop: asyncio.Event) -> None:
        """Relay until stopped."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        for writer in [each for pair in self._pairs for each in pair] + self._dead:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open.is_set():
            self._swallow(writer)
            return
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        pair = (writer, upstream_writer)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pass(reader, upstream_writer), self._pass(upstream_reader, writer))
        except _Cut:
            for each in pair:
                self._swallow(each)
        except OSError:
            for each in pair:
                each.transport.abort()
        finally:
            self._pairs.discard(pair)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            if not self._open.is_set():
                raise _Cut
            writer.write(chunk)
            await writer.drain()
        writer.close()

    def _swallow(self, writer: asyncio.StreamWriter) -> None:
        self._dead.append(writer)
        self.swallowed += 1


class _Cut(Exception):
    """Something was said on a connection that is dead."""


@contextmanager
def black_hole(url: str) -> Iterator[tuple[BlackHole, str]]:
    """A relay before the server of `url`, and the URL that goes through it."""
    parts = urlsplit(url)
    relay = BlackHole(parts.hostname or "127.0.0.1", parts.port or 5432)
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(relay.serve(started, stop))
        for task in asyncio.all_tasks(loop):
            task.cancel()
        with suppress(RuntimeError):
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run, name="black hole", daemon=True)
    thread.start()
    started.wait()
    netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{relay.port}"
    try:
        yield relay, urlunsplit(parts._replace(netloc=netloc))
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
