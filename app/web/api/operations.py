"""POST /pause and /resume: hold back all automatic deploys, and let them go on."""

from starlette.requests import Request
from starlette.responses import Response

from app.services.commands import watches
from app.web.api.tags import told
from app.web.running import caller, operator


async def pause(request: Request) -> Response:
    """200 {"message"}: from now on nothing is deployed but what people ask for."""
    return told(await watches.switch(operator(request), paused=True, by=caller(request)))


async def resume(request: Request) -> Response:
    """200 {"message"}: every job is looked at now."""
    return told(await watches.switch(operator(request), paused=False, by=caller(request)))
