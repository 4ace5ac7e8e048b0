"""Given any request to POST /webhooks/{source}, the status tells its sender what to do next."""

import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Receive
from structlog.testing import capture_logs

from app.errors import RegistryWatcherError
from app.settings.secret import Secret
from app.settings.values import WebhookSource
from app.web.http.responses import refuse_error
from app.web.pages import deliveries
from app.web.process import set_process
from app.web.routes import receive_delivery
from tests.fakes.inbox import KnownWatch, MemoryInbox
from tests.unit.webhooks.bodies import MALFORMED, V1, envelope, push
from tests.web.process import MemoryProcess, MemorySettings

LIMIT = 64 * 1024 * 4
GOOD = {"Authorization": "Bearer new", "Content-Type": V1}


@pytest.fixture
def services() -> MemoryProcess:
    def source(*secrets: str) -> WebhookSource:
        return WebhookSource(kind="distribution", secrets=tuple(Secret(text) for text in secrets))

    sources = {"main": source("new", "old"), "open": source(), "blank": source("")}
    watch = KnownWatch(name="app", target_id=7, host="registry.example.com:5000", path="team/app")
    settings = MemorySettings(webhook_sources=sources, max_body_bytes=LIMIT)
    return MemoryProcess(inbox=MemoryInbox(watches=[watch]), settings=settings)


@pytest.fixture
def application(services: MemoryProcess) -> Starlette:
    made = Starlette(
        routes=[
            Route("/webhooks/{source}", receive_delivery, methods=["POST"]),
            Route("/deliveries/{id}", deliveries.show_delivery),
        ],
        exception_handlers={RegistryWatcherError: refuse_error},
    )
    set_process(made, services)
    return made


@pytest.fixture
def client(application: Starlette) -> Iterator[TestClient]:
    with TestClient(application) as opened:
        yield opened


def test_a_valid_delivery_is_stored_answered_and_wakes_its_target(client: TestClient, services: MemoryProcess) -> None:
    body = envelope(push(), {"action": "pull"})
    answer = client.post("/webhooks/main", content=body, headers=GOOD)

    assert answer.status_code == 202
    delivery = answer.json().pop("delivery")
    assert answer.json() == {"delivery": delivery, "events": 1, "ignored": 1, "duplicates": 0}
    assert answer.headers["Location"] == f"/deliveries/{delivery}"
    assert services.waker.wakes == [("reconcile", "7")]


def test_the_location_shows_the_parsed_delivery(client: TestClient) -> None:
    answer = client.post("/webhooks/main", content=envelope(push(), push(tag="no tag")), headers=GOOD)
    shown = client.get(answer.headers["Location"]).json()
    assert (shown["source"], shown["ignored"], shown["duplicates"]) == ("main", 0, 0)
    assert [(event["repository"], event["tag"]) for event in shown["events"]] == [("team/app", "v1.0.0")]
    assert shown["events"][0]["watches"] == [
        {"watch": "app", "state": "pending", "settled_at": None, "answer": "", "decision": "", "rollout": None}
    ]
    assert [oddity["where"] for oddity in shown["oddities"]] == ["events[1]"]


def test_a_retried_delivery_is_a_duplicate_and_wakes_no_target(client: TestClient, services: MemoryProcess) -> None:
    client.post("/webhooks/main", content=envelope(push()), headers=GOOD)
    answer = client.post("/webhooks/main", content=envelope(push()), headers=GOOD)
    assert (answer.status_code, answer.json()["events"], answer.json()["duplicates"]) == (202, 0, 1)
    assert len(services.waker.wakes) == 1


@pytest.mark.parametrize("sent", ["Bearer new", "new", "bearer old", "old"])
def test_both_secrets_are_accepted_in_both_spellings(client: TestClient, sent: str) -> None:
    assert client.post("/webhooks/main", content=b"{}", headers={"Authorization": sent}).status_code == 202


@pytest.mark.parametrize("source", ["main", "open", "blank"])
@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic bmV3", "\xff\xfe"])
def test_any_other_secret_is_401(client: TestClient, services: MemoryProcess, source: str, sent: str | None) -> None:
    headers = {b"Authorization": sent.encode("latin-1")} if sent is not None else {}
    answer = client.post(f"/webhooks/{source}", content=envelope(push()), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    message = "the secret is wrong or absent: send that of [webhooks.NAME] as Authorization: Bearer"
    assert answer.json() == {"message": message}  # whatever was wrong
    assert services.inbox.deliveries == {}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_body_is_accepted_and_the_next_valid_event_is_processed(
    client: TestClient, services: MemoryProcess, name: str
) -> None:
    answer = client.post("/webhooks/main", content=MALFORMED[name], headers=GOOD)
    assert answer.status_code == 202
    assert answer.json()["events"] == 0
    assert client.get(answer.headers["Location"]).json()["oddities"]

    assert client.post("/webhooks/main", content=envelope(push()), headers=GOOD).json()["events"] == 1
    assert services.inbox.generations == {7: 1}


def chunks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * 65536


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_accepted_and_quarantined(
    client: TestClient, services: MemoryProcess, chunked: bool
) -> None:
    content = chunks(5) if chunked else b" " * (LIMIT + 1)
    answer = client.post("/webhooks/main", content=content, headers=GOOD)
    assert answer.status_code == 202
    (stored, _, _) = services.inbox.deliveries.popitem()[1]
    assert stored.body is None
    assert [oddity.problem for oddity in stored.parsed.oddities] == [f"body over the limit of {LIMIT} bytes"]
    assert client.post("/webhooks/main", content=envelope(push()), headers=GOOD).json()["events"] == 1


def test_a_body_at_the_limit_is_read(client: TestClient) -> None:
    body = envelope(push())
    answer = client.post("/webhooks/main", content=body + b" " * (LIMIT - len(body)), headers=GOOD)
    assert answer.json()["events"] == 1


async def test_an_endless_body_is_read_only_up_to_the_limit(application: Starlette) -> None:
    received = 0

    async def receive() -> Message:
        nonlocal received
        received += 1
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    assert await call(application, receive) == [202]
    assert received == LIMIT // 65536 + 1


@pytest.mark.parametrize("length", ["9" * 5000, str(LIMIT + 1)])
async def test_a_body_declared_too_large_is_not_read(application: Starlette, length: str) -> None:
    async def receive() -> Message:
        raise AssertionError("read")

    assert await call(application, receive, (b"content-length", length.encode())) == [202]


async def test_a_disconnected_client_leaves_no_delivery(application: Starlette, services: MemoryProcess) -> None:
    sent: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    messages = iter(sent)

    async def receive() -> Message:
        return next(messages)

    await call(application, receive)
    assert services.inbox.deliveries == {}


def test_a_store_outage_is_503_and_the_retried_delivery_is_accepted(
    client: TestClient, services: MemoryProcess
) -> None:
    services.inbox.outages = True
    answer = client.post("/webhooks/main", content=envelope(push()), headers=GOOD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.get("/deliveries/00000000-0000-0000-0000-000000000000").status_code == 503
    services.inbox.outages = False
    assert client.post("/webhooks/main", content=envelope(push()), headers=GOOD).json()["events"] == 1


@pytest.mark.parametrize("source", ["main", "forgotten"])
def test_a_bug_in_the_store_is_503_and_never_500(client: TestClient, services: MemoryProcess, source: str) -> None:
    """For example a value that Postgres refuses even in quarantine, or a faulty statement."""
    services.inbox.broken = KeyError("delivery_id")
    answer = client.post(f"/webhooks/{source}", content=envelope(push()), headers=GOOD)
    assert answer.status_code == (503 if source == "main" else 404)
    assert ("Retry-After" in answer.headers) == (source == "main")
    services.inbox.broken = None
    assert client.post("/webhooks/main", content=envelope(push()), headers=GOOD).json()["events"] == 1


def test_an_unknown_source_is_404_and_is_recorded(client: TestClient, services: MemoryProcess) -> None:
    assert client.post("/webhooks/forgotten", content=b"{}", headers=GOOD).status_code == 404
    assert services.inbox.unknown == ["forgotten"]


@pytest.mark.parametrize("name", ["%00", "a" * 65, "%3Cscript%3E", "-x", "a%20b", "%ff", "caf%C3%A9"])
def test_an_invalid_source_name_is_404_and_is_not_recorded(
    client: TestClient, services: MemoryProcess, name: str
) -> None:
    assert client.post(f"/webhooks/{name}", content=b"{}").status_code == 404
    assert services.inbox.unknown == []


def test_an_unknown_source_is_404_during_a_store_outage(client: TestClient, services: MemoryProcess) -> None:
    services.inbox.outages = True
    assert client.post("/webhooks/forgotten", content=b"{}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_405(client: TestClient, method: str) -> None:
    assert client.request(method, "/webhooks/main", headers=GOOD).status_code == 405


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-0000-0000-000000000000", "%00", "1"])
def test_an_unknown_delivery_is_404(client: TestClient, name: str) -> None:
    answer = client.get(f"/deliveries/{name}")
    assert answer.status_code == 404
    assert json.loads(answer.content)["message"]


async def call(application: Starlette, receive: Receive, *headers: tuple[bytes, bytes]) -> list[int]:
    """Call the application without a client, to control when each message arrives; returns the sent status."""
    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/main",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer new"), *headers],
    }
    await application(scope, receive, send)
    return statuses


def test_the_log_names_the_repository_and_the_tag_of_an_event(client: TestClient) -> None:
    with capture_logs() as logs:
        client.post("/webhooks/main", content=envelope(push()), headers=GOOD)
    (line,) = (each for each in logs if each["event"] == "event.received")
    assert line["what"] == ["team/app:v1.0.0"]


def test_a_delivery_that_a_silent_postgres_refuses_is_no_line(client: TestClient, services: MemoryProcess) -> None:
    """Each process logs once that Postgres does not answer; a refusal while it answers others is logged."""
    services.inbox.outages = True
    for silent_for, refusals in (60.0, 0), (0.0, 1):
        services.store_silent_for = silent_for
        with capture_logs() as logs:
            assert client.post("/webhooks/main", content=envelope(push()), headers=GOOD).status_code == 503
        assert [each["event"] for each in logs] == ["delivery.refused"] * refusals
