"""Turns a request into a delivery: authenticated by its source's dialect, bounded in size, parsed. Stores nothing."""

import time
from collections.abc import Sequence
from uuid import uuid4

from starlette.requests import Request

from app.domain.event import Oddity, Parsed
from app.services.ingest.receive import Delivery
from app.webhooks.dialect import Dialect
from app.webhooks.head import Head

_MAX_SIZE = 2**31 - 1  # the column's maximum; a declared length may be anything


async def read_delivery(
    request: Request, source: str, dialect: Dialect, secrets: Sequence[bytes], *, limit: int
) -> Delivery | None:
    """The delivery, or None when the request proves none of `secrets`. Raises ClientDisconnect.

    A body over `limit` bytes is an oddity, and not kept. A signature over the body cannot be checked then: None.
    """
    head = Head(fields=tuple(request.scope["headers"]), received_at=time.time())
    if not dialect.signs_body and not dialect.accepts(head, b"", secrets):
        return None
    body, size = await _read(request, limit)
    if dialect.signs_body and (body is None or not dialect.accepts(head, body, secrets)):
        return None
    if body is None:
        parsed = Parsed(oddities=(Oddity(where="body", problem=f"body over the limit of {limit} bytes"),))
    else:
        parsed = dialect.read(head, body)
    return Delivery(
        delivery_id=uuid4(),
        source=source,
        size=min(size, _MAX_SIZE),
        parsed=parsed,
        body=body if parsed.oddities else None,
        headers=head.kept(dialect.kept_headers) if parsed.oddities else {},
    )


async def _read(request: Request, limit: int) -> tuple[bytes | None, int]:
    """The body and its size; the body is None once its size exceeds the limit. The server discards the unread rest."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        return None, int(declared[:20])
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            return None, size
        chunks.append(chunk)
    return b"".join(chunks), size
