"""POST /webhooks/{source}: receives a registry's delivery, 202 when it is stored. It does not judge the content.

Some senders retry every 4xx and 5xx for ever, and queue all later deliveries behind. So an authenticated delivery is
refused only while Postgres is away. Malformed parts are kept, and shown by GET /deliveries/{id}.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.errors import StoreSilent, StoreUnavailable
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
    """A configured source: its kind, which is a name in DIALECTS, and the secrets that it may use."""

    @property
    def kind(self) -> str: ...
    @property
    def secrets(self) -> Sequence[HookSecret]: ...


class HookSettings(Protocol):
    """The settings that the handler reads, for each request anew, since the file may have changed."""

    @property
    def webhook_sources(self) -> Mapping[str, HookSource]: ...
    @property
    def max_body_bytes(self) -> int: ...


class HookServices(Protocol):
    """The services that the handler calls."""

    @property
    def inbox(self) -> Inbox: ...
    @property
    def waker(self) -> Waker: ...
    @property
    def settings(self) -> HookSettings: ...


async def webhook(
    request: Request, services: HookServices, *, silent_for: Callable[[], float] = lambda: 0.0
) -> Response:
    """202 with the delivery's id; 404 unknown source, 401 not authentic, 503 when Postgres cannot store; no other.

    Postgres answered this process last `silent_for` seconds ago.
    """
    came_at = time.monotonic()
    name: str = request.path_params["source"]
    source = services.settings.webhook_sources.get(name)
    if source is None:
        await _note_unknown(services.inbox, name)
        return _json(
            404, {"message": "no such webhook source is configured: add [webhooks.NAME], or correct the registry's URL"}
        )
    dialect = DIALECTS[source.kind]
    secrets = [secret.reveal().encode("utf-8", "surrogatepass") for secret in source.secrets]
    try:
        delivery = await read_delivery(request, name, dialect, secrets, limit=services.settings.max_body_bytes)
        if delivery is None:
            message = f"the secret is wrong or absent: {dialect.fix}"
            return _json(401, {"message": message}, {"WWW-Authenticate": dialect.challenge})
        receipt = await receive(services.inbox, services.waker, delivery)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except StoreUnavailable as error:
        # If Postgres answers nobody since the delivery came, the process reports that, once for all deliveries.
        if not isinstance(error, StoreSilent) and silent_for() < time.monotonic() - came_at:
            log.warning("delivery.refused", source=name, problem=str(error))
        return _not_stored()
    except Exception as error:  # a bug of ours or of a library: the delivery is not stored, so the sender must retry
        log.error("delivery.failed", source=name, problem=str(error), exc_info=error)
        return _not_stored()
    return _json(
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
    return _json(503, {"message": "Postgres cannot store the delivery now: send it again later"}, {"Retry-After": "1"})


async def _note_unknown(inbox: Inbox, name: str) -> None:
    """Record the unknown source for the pages: its registry may be blocked. An invalid name or an outage is ignored."""
    if _NAME.fullmatch(name):
        with suppress(Exception):
            await inbox.note_unknown(name)


def _json(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
