"""Reads a request's whole body, of a bounded size and within a bounded time."""

import asyncio

from starlette.requests import Request

from app.errors import Rejected

TIMEOUT = 10.0  # seconds for a body to arrive


async def read_body(request: Request, *, limit: int, what: str, fix: str) -> bytes:
    """The body; Rejected with 413 when it is over `limit` bytes, or 408 when it does not arrive in time.

    `what` begins the message ("the form"), `fix` ends it ("send less").
    """
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise Rejected(f"{what} is over {limit} bytes: {fix}", status=413)
    except TimeoutError as error:
        raise Rejected(f"{what} did not arrive within {TIMEOUT:g} s: send it again", status=408) from error
    return bytes(body)
