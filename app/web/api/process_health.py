"""/healthz and /readyz of a process without the web interface: whether its loops run, and whether it can do its work.

There are no other routes. Anybody may call them. They send no requests of their own and change nothing.
"""

from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.web.http.responses import json_response


class HealthSource(Protocol):
    """A process that reports its health."""

    @property
    def stuck(self) -> str:
        """The loops that no longer even try, so that only a restart helps; "" without any."""
        ...

    @property
    def unready(self) -> str:
        """Why the process cannot do its work now; "" when it can."""
        ...

    @property
    def redis_problem(self) -> str:
        """Why Redis does not answer; "" when it does."""
        ...


def build_health(process: HealthSource) -> Starlette:
    """The application that reports this process's health."""

    async def healthz(_request: Request) -> Response:
        return _health_response(process.stuck, "alive")

    async def readyz(_request: Request) -> Response:
        return _health_response(process.stuck or process.unready, "ready", redis=process.redis_problem)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])


def _health_response(problem: str, message: str, *, redis: str = "") -> Response:
    if not problem and redis:
        return json_response({"message": "degraded", "outages": [{"name": "Redis", "problem": redis, "since": None}]})
    if not problem:
        return json_response({"message": message})
    refusal = json_response({"message": problem}, status=503)
    refusal.headers["Retry-After"] = "1"
    return refusal
