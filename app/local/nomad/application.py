"""Answers: how is a simulator put behind HTTP? Nomad's API under /v1, the control API under /simulator."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from app.local.nomad.agent import NomadApi
from app.local.nomad.control import control_routes
from app.local.nomad.simulator import Simulator


def create_simulator_app(simulator: Simulator) -> Starlette:
    """The ASGI application of one simulator; the simulator stays at hand for the caller.

    Resets need uvicorn, which lets the connection be cut; elsewhere they raise ConnectionResetError out of the
    application.
    """
    return Starlette(routes=[*control_routes(simulator), Route("/v1/{path:path}", NomadApi(simulator))])
