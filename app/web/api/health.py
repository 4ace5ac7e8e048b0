"""/ping, /healthz and /readyz: whether the process lives, and whether it can do its work. Asking changes nothing."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from app.errors import Permanent, StoreUnavailable
from app.services.views.queries import SystemOutage
from app.web.http.answers import answer
from app.web.running import WebProcess, own_outages, running

PATIENCE = 2.0  # seconds; whoever asks wants to know soon


async def ping(_request: Request) -> Response:
    """200 {"message": "pong"}, as ever."""
    return answer({"message": "pong"})


async def healthz(_request: Request) -> Response:
    """200 while the process answers, whatever is away."""
    return answer({"message": "alive"})


async def readyz(request: Request) -> Response:
    """200 when Postgres is there with our schema, and this process's loops turn, the one that writes among them. What
    else is away, or does not move, makes it partial, and is listed. Else 503."""
    try:
        async with asyncio.timeout(PATIENCE):
            outages = await _outages(running(request))
    except TimeoutError:
        return _not_ready(f"Postgres did not answer within {PATIENCE:g} s")
    except (StoreUnavailable, Permanent) as error:
        return _not_ready(str(error))
    return answer(
        {
            "message": "degraded" if outages else "ready",
            "outages": [{"name": each.name, "problem": each.problem, "since": each.since} for each in outages],
        }
    )


async def _outages(process: WebProcess) -> tuple[SystemOutage, ...]:
    pending = await process.services.readiness()
    if pending:
        raise StoreUnavailable(f"migrations are pending: {', '.join(pending)}. Run `registrywatcher migrate`")
    if process.stalled:
        raise StoreUnavailable(process.stalled)
    return (*own_outages(process), *await process.services.queries.outages())


def _not_ready(problem: str) -> Response:
    refusal = answer({"message": problem}, status=503)
    refusal.headers["Retry-After"] = "1"
    return refusal
