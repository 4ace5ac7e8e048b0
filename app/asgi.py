"""The web process: an ASGI application, what runs around it, and the server under it. Nothing else."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE

from app.bootstrap import App, open_app
from app.services.schedule import sweep_forever
from app.settings import Settings
from app.web.application import build


def create_app(settings: Settings, *, running: App | None = None) -> Starlette:
    """The web face of `settings`; it serves while Postgres, Redis, registries or Nomad are away.

    `running` is a process that somebody else has opened, and closes.
    """

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        async with nullcontext(running) if running else open_app(settings) as process:
            application.state.running = process
            services = process.services
            sweeper = asyncio.create_task(sweep_forever(services.schedule, services.doorbell))
            try:
                yield
            finally:
                sweeper.cancel()
                with suppress(asyncio.CancelledError):
                    await sweeper

    return build(lifespan)


class _Server(uvicorn.Server):
    """Tells open streams when it is to stop: it would wait for browsers that listen, until its patience ends."""

    def __init__(self, application: Starlette, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._application = application

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        process = getattr(self._application.state, "running", None)
        if process is not None:
            process.services.feed.close()
        super().handle_exit(sig, frame)


def serve(application: Starlette, **options: Any) -> None:
    """Serve until a signal says stop; `options` are uvicorn's."""
    server = _Server(application, uvicorn.Config(application, **options))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
