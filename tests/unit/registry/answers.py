"""A registry made of prepared answers, and the client that talks to it without a network."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.reference import Repository

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
APP = Repository.of("registry.example.com", "team/app")
D1 = "sha256:" + "1" * 64
D2 = "sha256:" + "2" * 64

Handler = Callable[[httpx.Request], httpx.Response]


class Clock:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Registry(httpx.AsyncBaseTransport):
    """Answers by a function and remembers every request."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.handler(request)

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.requests]

    @property
    def authorizations(self) -> list[str | None]:
        return [request.headers.get("authorization") for request in self.requests]


def endpoint(
    domain: str = "registry.example.com", *, scheme: str = "https", username: str = "", password: str = ""
) -> RegistryEndpoint:
    return RegistryEndpoint(name="main", scheme=scheme, domain=domain, username=username, password=password)


def client(
    registry: httpx.AsyncBaseTransport,
    at: RegistryEndpoint | None = None,
    *,
    clock: Clock | None = None,
    seconds: float = 5.0,
) -> RegistryClient:
    """A client whose only registry, "main", is `registry`."""
    return RegistryClient(
        {"main": at or endpoint()}, transport=registry, clock=clock or Clock(), now=lambda: NOW, seconds=seconds
    )


def tags(*names: str, link: str = "") -> httpx.Response:
    return httpx.Response(200, json={"name": "team/app", "tags": list(names)}, headers={"Link": link} if link else {})
