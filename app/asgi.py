"""The web process as an ASGI application: routes, and what runs around them. Nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

from starlette.applications import Starlette

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
