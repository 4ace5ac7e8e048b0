"""/healthz and /readyz of a process that has no web face: whether its loops live, and whether it can do its work.

It answers nothing else, asks nobody and changes nothing; anybody may ask.
"""

from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.web.http.answers import answer


class Vital(Protocol):
    """A process as its health is told."""

    @property
    def stuck(self) -> str:
        """Which of its loops do not even try any more, so that only a restart helps; "" when all do."""
        ...

    @property
    def unready(self) -> str:
        """Why it cannot do its work now; "" when it can."""
        ...


def build_health(process: Vital) -> Starlette:
    """The application that answers for this process."""

    async def healthz(_request: Request) -> Response:
        return _answered(process.stuck, "alive")

    async def readyz(_request: Request) -> Response:
        return _answered(process.stuck or process.unready, "ready")

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])


def _answered(problem: str, well: str) -> Response:
    if not problem:
        return answer({"message": well})
    refusal = answer({"message": problem}, status=503)
    refusal.headers["Retry-After"] = "1"
    return refusal
