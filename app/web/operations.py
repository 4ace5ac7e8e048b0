"""POST /pause and /resume: hold back all automatic deploys, and let them go on."""

from starlette.requests import Request
from starlette.responses import Response

from app.services import operate
from app.web.running import caller, operator
from app.web.tags import told


async def pause(request: Request) -> Response:
    """200 {"message"}: from now on nothing is deployed but what people ask for."""
    return told(await operate.switch(operator(request), paused=True, by=caller(request)))


async def resume(request: Request) -> Response:
    """200 {"message"}: every job is looked at now."""
    return told(await operate.switch(operator(request), paused=False, by=caller(request)))
