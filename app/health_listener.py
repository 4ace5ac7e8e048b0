"""A small HTTP listener for the health of a process that has no web face: opened early, served beside its loops."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from app.errors import RegistryWatcherError
from app.web.process_health import Vital, build_health


class CannotListen(RegistryWatcherError):
    """Nobody can be answered at this address; the message names it and the fix."""


class _Server(uvicorn.Server):
    """uvicorn, which leaves the signals to the process that it serves in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def open_listener(address: tuple[str, int]) -> socket.socket:
    """A listening socket. Raises CannotListen before anything else has begun."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server(address, family=family)
    except OSError as error:
        raise CannotListen(
            f"health address {host}:{port}: {os.strerror(error.errno) if error.errno else error}; "
            "give each process of this machine an address of its own by --health-address"
        ) from error


@asynccontextmanager
async def answering(process: Vital, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answer for the process on its own event loop while the block lasts; without a listener, nobody asks."""
    if listener is None:
        yield
        return
    config = uvicorn.Config(
        build_health(process),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="health")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
