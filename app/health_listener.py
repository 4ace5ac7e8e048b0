"""A small HTTP listener for the health of a process that has no web face: opened early, served beside its loops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from app.bootstrap.listening import open_sockets
from app.web.api.process_health import HealthSource, build_health


class _Server(uvicorn.Server):
    """uvicorn, which leaves the signals to the process that it serves in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def open_listener(address: tuple[str, int] | None) -> Sequence[socket.socket]:
    """The sockets of this address, none for None. Raises Permanent before anything else has begun."""
    return open_sockets(*address, setting="--health-address or REGISTRYWATCHER_HEALTH_ADDRESS") if address else ()


@asynccontextmanager
async def answering(process: HealthSource, listener: Sequence[socket.socket]) -> AsyncIterator[None]:
    """Answer for the process on its own event loop while the block lasts; without a socket, nobody asks."""
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
