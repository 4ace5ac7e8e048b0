"""The web process as an ASGI application: routes, what runs around them, and the server in front. Nothing else."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

import uvicorn
from starlette.applications import Starlette

from app.bootstrap import App, open_app
from app.services.loops import Loop
from app.services.presence import ProcessKind
from app.services.schedule import sweep_forever
from app.settings import Settings
from app.web.application import build

GRACE_SECONDS = 5
_DID_NOT_START = 3  # uvicorn's own


def create_app(settings: Settings, *, running: App | None = None) -> Starlette:
    """The web face of `settings`; it serves while Postgres, Redis, registries or Nomad are away.

    `running` is a process that somebody else has opened, and closes.
    """

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        async with nullcontext(running) if running else open_app(settings, kind=ProcessKind.WEB) as process:
            application.state.running = process
            services = process.services
            sweeper = asyncio.create_task(
                sweep_forever(services.schedule, services.doorbell, loop=process.loops.add(Loop("sweep")))
            )
            try:
                yield
            finally:
                sweeper.cancel()
                with suppress(asyncio.CancelledError):
                    await sweeper

    return build(lifespan)


class Server(uvicorn.Server):
    """uvicorn, which waits for all answers to end before it ends: streams are told to."""

    def __init__(self, application: Starlette, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._application = application

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self._application.state.streams.stop()
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Serve the web face until a signal comes."""
    application = create_app(settings)
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(application, config)
    with suppress(KeyboardInterrupt):  # uvicorn ends well, and then raises the signal again
        server.run()
    if not server.started:
        sys.exit(_DID_NOT_START)
