"""/ping, /healthz and /readyz: whether the process is alive, and whether it can do its work. They change nothing."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from app.errors import Permanent, StoreUnavailable
from app.services.views.queries import SystemOutage
from app.web.http.responses import json_response
from app.web.process import WebProcess, all_outages, process_of

TIMEOUT = 2.0  # seconds; a probe expects a quick response


async def ping(_request: Request) -> Response:
    """200 {"message": "pong"}, as the predecessor answered."""
    return json_response({"message": "pong"})


async def healthz(_request: Request) -> Response:
    """200 while the process responds, during any outage."""
    return json_response({"message": "alive"})


async def readyz(request: Request) -> Response:
    """200 when Postgres is reachable with our schema, and this process's loops make progress, the writing one included.

    Other outages are listed, and the message is "degraded" then. 503 otherwise.
    """
    try:
        async with asyncio.timeout(TIMEOUT):
            outages = await _outages(process_of(request))
    except TimeoutError:
        return _not_ready(f"Postgres did not answer within {TIMEOUT:g} s")
    except (StoreUnavailable, Permanent) as error:
        return _not_ready(str(error))
    return json_response(
        {
            "message": "degraded" if outages else "ready",
            "outages": [{"name": each.name, "problem": each.problem, "since": each.since} for each in outages],
        }
    )


async def _outages(process: WebProcess) -> tuple[SystemOutage, ...]:
    if process.store_problem:
        raise StoreUnavailable(process.store_problem)
    pending = await process.services.readiness()
    if pending:
        raise StoreUnavailable(f"migrations are pending: {', '.join(pending)}. Run `registrywatcher migrate`")
    if process.stalled:
        raise StoreUnavailable(process.stalled)
    return all_outages(process, await process.services.queries.outages())


def _not_ready(problem: str) -> Response:
    refusal = json_response({"message": problem}, status=503)
    refusal.headers["Retry-After"] = "1"
    return refusal
