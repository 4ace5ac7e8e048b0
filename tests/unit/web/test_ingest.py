"""Given a request and its source's dialect, it becomes a delivery only with a valid proof."""

from collections.abc import Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from app.domain.event import MOST_EVENTS
from app.services.ingest.receive import Delivery
from app.web.http.ingest import read_delivery
from app.webhooks import DIALECTS
from app.webhooks.dialect import Dialect
from tests.unit.webhooks.bodies import envelope, push
from tests.unit.webhooks.signed import SIGNED, signature_of

SECRETS = (b"new", b"old")
LIMIT = 1000


def request(body: bytes, *headers: tuple[bytes, bytes], read: Callable[[], None] = lambda: None) -> Request:
    """A POST whose body comes in two parts; `read` is called for each."""
    parts = iter([(body[:3], True), (body[3:], False)])

    async def receive() -> Message:
        read()
        part, more = next(parts)
        return {"type": "http.request", "body": part, "more_body": more}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": list(headers)}, receive)


async def delivered(dialect: Dialect, sent: Request, *, limit: int = LIMIT) -> Delivery | None:
    return await read_delivery(sent, "main", dialect, SECRETS, limit=limit)


def signed(body: bytes, secret: bytes, *more: tuple[bytes, bytes]) -> Request:
    return request(body, (b"x-hub-signature-256", signature_of(body, secret)), *more)


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_signature_over_the_body_is_checked(secret: bytes) -> None:
    delivery = await delivered(SIGNED, signed(b'{"a": 1}', secret, (b"x-event", b"push")))
    assert delivery is not None
    assert (delivery.source, delivery.size, len(delivery.parsed.events), delivery.body) == ("main", 8, 1, None)
    assert delivery.headers == {}


async def test_a_wrong_signature_is_refused() -> None:
    assert await delivered(SIGNED, signed(b'{"a": 1}', b"another")) is None
    assert await delivered(SIGNED, request(b'{"a": 1}')) is None


async def test_a_body_over_the_limit_cannot_prove_its_signature() -> None:
    assert await delivered(SIGNED, signed(b"x" * (LIMIT + 1), b"new")) is None
    nothing = (b"x-hub-signature-256", signature_of(b"", b"new"))
    assert await delivered(SIGNED, request(b"x" * (LIMIT + 1), nothing)) is None


async def test_a_malformed_body_is_kept_with_the_headers_that_its_dialect_names() -> None:
    delivery = await delivered(SIGNED, signed(b"odd", b"old", (b"x-event", b"push"), (b"x-other", b"1")))
    assert delivery is not None
    assert (delivery.body, delivery.headers) == (b"odd", {"x-event": "push"})


async def test_an_unauthenticated_body_is_not_read_where_it_is_not_signed() -> None:
    def read() -> None:
        raise AssertionError("read")

    for dialect in DIALECTS.values():
        if not dialect.signs_body:
            assert await delivered(dialect, request(b"{}", (b"authorization", b"Bearer wrong"), read=read)) is None


async def test_a_delivery_of_too_many_events_keeps_the_first_and_its_body() -> None:
    """Postgres could not store all of them within a second, and their sender would send them again for ever."""
    dialect = DIALECTS["distribution"]
    body = envelope(*(push(event_id=str(number)) for number in range(MOST_EVENTS + 1)))
    delivery = await delivered(dialect, request(body, (b"authorization", b"new")), limit=len(body))
    assert delivery is not None
    assert [each.event_id for each in delivery.parsed.events] == [str(number) for number in range(MOST_EVENTS)]
    assert [each.where for each in delivery.parsed.oddities] == ["events"]
    assert delivery.body == body
