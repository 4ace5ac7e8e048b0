"""Keeps the servers of a local start running: one that ends is started again, and a line says so.

    async with kept({"postgres": postgres, "valkey": valkey}, show=show):
        ...

Must not know which servers these are. app/local/child.py does the same for our own processes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from app.local.child import Backoff
from app.local.output import Show
from app.local.servers import LocalServer

_LOOK = 0.2  # seconds between two checks of a server


@asynccontextmanager
async def kept(
    servers: Mapping[str, LocalServer], *, show: Show, backoff: Backoff | None = None
) -> AsyncIterator[None]:
    """Keep the started servers running within the block. After it nothing starts them again; the caller stops them."""
    keeping = [asyncio.create_task(_keep(name, server, show, backoff or Backoff())) for name, server in servers.items()]
    try:
        yield
    finally:
        for each in keeping:
            each.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)


async def _keep(name: str, server: LocalServer, show: Show, backoff: Backoff) -> None:
    pause, clock = 0.0, asyncio.get_running_loop()
    began = clock.time()
    while True:
        if server.running:
            await asyncio.sleep(_LOOK)
            continue
        pause = backoff.next(pause, clock.time() - began)
        show(name, f"it ended; it restarts in {pause:g} s")
        await asyncio.sleep(pause)
        began = clock.time()
        await _restart(name, server, show)


async def _restart(name: str, server: LocalServer, show: Show) -> None:
    """Start it in a thread, and wait for the thread in any case: the caller may stop the server next."""
    starting = asyncio.ensure_future(asyncio.to_thread(_start, server))
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.gather(starting, return_exceptions=True)
        raise
    except Exception as error:  # whatever it is, the next try may succeed
        show(name, f"it did not start: {error}")
    else:
        show(name, "it is back")


def _start(server: LocalServer) -> None:
    server.stop()  # releases what is left of the ended one
    server.start()
