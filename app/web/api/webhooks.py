"""POST /webhooks/{source}: a registry's delivery in, 202 when it is safe. Must not judge what is in it.

Some senders retry every 4xx and 5xx for ever and hold back all that comes after; so once a sender is
authenticated, only a store that is away refuses it. What is odd is kept, and shown by GET /deliveries/{id}.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.errors import StoreUnavailable
from app.ports import Waker
from app.services.ingest.receive import Inbox, receive
from app.web.http.ingest import read_delivery
from app.webhooks import DIALECTS

log = structlog.get_logger()

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class HookSecret(Protocol):
    """A configured secret."""

    def reveal(self) -> str: ...


class HookSource(Protocol):
    """One configured sender: its kind, a name of DIALECTS, and the secrets that it may use."""

    @property
    def kind(self) -> str: ...
    @property
    def secrets(self) -> Sequence[HookSecret]: ...


class HookSettings(Protocol):
    """What the handler needs of the settings; read for each request, since the file may have changed."""

    @property
    def webhook_sources(self) -> Mapping[str, HookSource]: ...
    @property
    def max_body_bytes(self) -> int: ...


class HookServices(Protocol):
    """What the handler needs of the process's services."""

    @property
    def inbox(self) -> Inbox: ...
    @property
    def waker(self) -> Waker: ...
    @property
    def settings(self) -> HookSettings: ...


async def webhook(request: Request, services: HookServices) -> Response:
    """202 with the delivery's id; 404 unknown source, 401 not authentic, 503 when Postgres cannot store; never else."""
    name: str = request.path_params["source"]
    source = services.settings.webhook_sources.get(name)
    if source is None:
        await _note_unknown(services.inbox, name)
        return _answer(
            404, {"message": "no such webhook source is configured: add [webhooks.NAME], or correct the registry's URL"}
        )
    dialect = DIALECTS[source.kind]
    secrets = [secret.reveal().encode("utf-8", "surrogatepass") for secret in source.secrets]
    try:
        delivery = await read_delivery(request, name, dialect, secrets, limit=services.settings.max_body_bytes)
        if delivery is None:
            message = f"the secret is wrong or absent: {dialect.fix}"
            return _answer(401, {"message": message}, {"WWW-Authenticate": dialect.challenge})
        receipt = await receive(services.inbox, services.waker, delivery)
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


async def _note_unknown(inbox: Inbox, name: str) -> None:
    """Have it shown that a registry may be blocked; a stranger's nonsense, or a store that is away, changes nothing."""
    if _NAME.fullmatch(name):
        with suppress(Exception):
            await inbox.note_unknown(name)


def _answer(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
