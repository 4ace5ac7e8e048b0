"""POST /webhooks/{source}: a registry's delivery in, 202 when it is safe. Must not judge what is in it.

Some senders (Distribution) retry every 4xx and 5xx for ever and hold back all that comes after; so once a sender is
authenticated, only a store that is away refuses it. What is odd is kept, and shown by GET /deliveries/{id}.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol
from uuid import uuid4

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.domain.event import Oddity, Parsed
from app.errors import StoreUnavailable
from app.ports import Doorbell
from app.services.receive import Delivery, Inbox, receive
from app.webhooks import PARSERS, Parser
from app.webhooks.authenticate import is_authentic

log = structlog.get_logger()

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MAX_SIZE = 2**31 - 1  # what the column holds; a declared length may be anything


class Secret(Protocol):
    """A configured secret."""

    def reveal(self) -> str: ...


class Source(Protocol):
    """One configured sender: which parser reads it, and the secrets that it may use."""

    @property
    def kind(self) -> str: ...
    @property
    def secrets(self) -> Sequence[Secret]: ...


class Settings(Protocol):
    """What the handler needs of the settings; read for each request, since the file may have changed."""

    @property
    def webhook_sources(self) -> Mapping[str, Source]: ...
    @property
    def max_body_bytes(self) -> int: ...


class Services(Protocol):
    """What the handler needs of the process's services."""

    @property
    def inbox(self) -> Inbox: ...
    @property
    def doorbell(self) -> Doorbell: ...
    @property
    def settings(self) -> Settings: ...


async def webhook(request: Request, services: Services) -> Response:
    """202 with the delivery's id; 404 unknown source, 401 not authentic, 503 when Postgres cannot store; never else."""
    name: str = request.path_params["source"]
    source = services.settings.webhook_sources.get(name)
    if source is None:
        await _note_unknown(services.inbox, name)
        return _answer(
            404, {"message": "no such webhook source is configured: add [webhooks.NAME], or correct the registry's URL"}
        )
    if not _is_authentic(request, source):
        return _answer(
            401,
            {"message": "the secret is wrong or absent: send that of [webhooks.NAME] as Authorization: Bearer"},
            {"WWW-Authenticate": "Bearer"},
        )
    try:
        delivery = await _delivery(request, PARSERS[source.kind], services.settings.max_body_bytes)
        receipt = await receive(services.inbox, services.doorbell, delivery)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except StoreUnavailable as error:
        log.warning("event.refused", source=name, problem=str(error))
        return _not_stored()
    except Exception as error:  # a bug of ours, or of what is under us: it is not stored, and that is what counts
        log.error("event.failed", source=name, problem=str(error), exc_info=error)
        return _not_stored()
    return _answer(
        202,
        {
            "delivery": str(receipt.delivery_id),
            "events": receipt.new,
            "ignored": receipt.ignored,
            "duplicates": receipt.duplicates,
        },
        {"Location": f"/deliveries/{receipt.delivery_id}"},
    )


def _not_stored() -> Response:
    return _answer(503, {"message": "Postgres cannot store it now: send it again later"}, {"Retry-After": "1"})


async def _delivery(request: Request, parse: Parser, limit: int) -> Delivery:
    body, size = await _read(request, limit)
    if body is None:
        parsed = Parsed(oddities=(Oddity(where="body", problem=f"body over the limit of {limit} bytes"),))
    else:
        parsed = parse(request.headers, body)
    return Delivery(
        delivery_id=uuid4(),
        source=request.path_params["source"],
        size=min(size, _MAX_SIZE),
        parsed=parsed,
        body=body if parsed.oddities else None,
    )


async def _read(request: Request, limit: int) -> tuple[bytes | None, int]:
    """The body and its size; None as soon as it is known to exceed the limit. The server discards what is not read."""
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


def _is_authentic(request: Request, source: Source) -> bool:
    sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
    return is_authentic(sent, [secret.reveal().encode("utf-8", "surrogatepass") for secret in source.secrets])


async def _note_unknown(inbox: Inbox, name: str) -> None:
    """Have it shown that a registry may be blocked; a stranger's nonsense, or a store that is away, changes nothing."""
    if _NAME.fullmatch(name):
        with suppress(Exception):
            await inbox.note_unknown(name)


def _answer(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
