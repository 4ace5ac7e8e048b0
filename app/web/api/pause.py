"""POST /pause and /resume: hold all automatic deploys, and resume them."""

from starlette.requests import Request
from starlette.responses import Response

from app.services.commands import watches
from app.web.api.reason import read_reason
from app.web.api.tags import reply_response
from app.web.process import caller, operator


async def pause(request: Request) -> Response:
    """200 {"message"}: from now on only commands of people deploy."""
    reason = await read_reason(request)
    return reply_response(await watches.switch(operator(request), paused=True, by=caller(request), reason=reason))


async def resume(request: Request) -> Response:
    """200 {"message"}: every job is reconciled now."""
    reason = await read_reason(request)
    return reply_response(await watches.switch(operator(request), paused=False, by=caller(request), reason=reason))
