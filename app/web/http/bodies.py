"""Reading a request's body: whole, of a bounded size, and within a bounded time."""

import asyncio

from starlette.requests import Request

from app.errors import Rejected

PATIENCE = 10.0  # seconds for a body to arrive


async def read_body(request: Request, *, limit: int, what: str, fix: str) -> bytes:
    """The body; Rejected with 413 for one over `limit` bytes, or 408 for one that never comes.

    `what` begins the sentence ("the form"), `fix` ends it ("send less").
    """
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise Rejected(f"{what} is over {limit} bytes: {fix}", status=413)
    except TimeoutError as error:
        raise Rejected(f"{what} did not arrive within {PATIENCE:g} s: send it whole", status=408) from error
    return bytes(body)
