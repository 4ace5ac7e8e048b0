"""A small HTTP listener for the health of a worker or poller: opened early, served beside its loops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from app.bootstrap.listening import open_sockets
from app.web.api.process_health import Vital, build_health


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals to its process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def open_listener(address: tuple[str, int] | None) -> Sequence[socket.socket]:
    """The sockets of this address, none for None. Raises Permanent when it cannot listen there."""
    return open_sockets(*address, setting="--health-address or REGISTRYWATCHER_HEALTH_ADDRESS") if address else ()


@asynccontextmanager
async def answering(process: Vital, listener: Sequence[socket.socket]) -> AsyncIterator[None]:
    """Answer for the process, on its event loop, during the block; without a socket, do nothing."""
    if not listener:
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
    serving = asyncio.create_task(server.serve(sockets=list(listener)), name="health")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
