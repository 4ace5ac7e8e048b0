"""Serves a simulator over HTTP: Nomad's API under /v1, the control API under /simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from app.simulators.nomad.agent import NomadApi
from app.simulators.nomad.control import control_routes
from app.simulators.nomad.persistence import keeping
from app.simulators.nomad.simulator import Simulator


def create_simulator_app(simulator: Simulator, *, state: Path | None = None) -> Starlette:
    """The ASGI application of one simulator, which may still be used from Python. `state` is written while it runs.

    The fault `reset` needs uvicorn, whose connections can be cut. With another server it raises ConnectionResetError
    out of the application.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if state is None:
            yield
        else:
            async with keeping(simulator, state):
                yield

    routes = [*control_routes(simulator), Route("/v1/{path:path}", NomadApi(simulator))]
    return Starlette(routes=routes, lifespan=lifespan)
