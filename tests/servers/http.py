"""Serve an ASGI application on a free port, in a thread with its own event loop.

with serve(create_app(…)) as url:
    httpx.get(url + "/ping/")
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from tests.servers.tls import Certificate

PATIENCE_SECONDS = 60
_TICK = 0.1


class _Server(uvicorn.Server):
    """Stops at once; uvicorn's own server checks for the end only at its next tick, which delays every test."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.came_up = threading.Event()
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """Stop it; callable from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)

    async def main_loop(self) -> None:
        """Like uvicorn's, which also keeps the Date header current."""
        self._loop = asyncio.get_running_loop()
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Like uvicorn's while requests are running; without any, there is nothing to wait for."""
        if self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections and not self.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
        await self.lifespan.shutdown()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.came_up.set()


@contextmanager
def serve(app: Any, *, certificate: Certificate | None = None) -> Iterator[str]:
    """Yield the base URL, without a final slash; on exit, requests are ended within a second.

    Raises RuntimeError when the application's lifespan fails.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=1,
        ssl_certfile=str(certificate.chain_file) if certificate else None,
        ssl_keyfile=str(certificate.key_file) if certificate else None,
    )
    server = _Server(config)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        thread = threading.Thread(target=_run, args=(server, listening), name=f"serve-{port}", daemon=True)
        thread.start()
        try:
            if not server.came_up.wait(PATIENCE_SECONDS) or server.should_exit:
                raise RuntimeError("the application did not start; see the log above")
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        finally:
            server.end()
            thread.join(PATIENCE_SECONDS)
            if thread.is_alive():
                raise RuntimeError("the application did not stop")


def _run(server: _Server, listening: socket.socket) -> None:
    try:
        server.run(sockets=[listening])
    except SystemExit:  # how uvicorn reports that the lifespan failed
        server.should_exit = True
    finally:
        server.came_up.set()
