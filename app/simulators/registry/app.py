"""The ASGI application of a local registry: URL table, lifespan, and how faults are applied to HTTP requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan, Receive, Scope, Send

from .api import RegistryApi
from .auth import serve_token
from .control import control_routes
from .faults import FaultAnswer, Hang
from .registry import LocalRegistry


def create_registry_app(registry: LocalRegistry) -> Starlette:
    """Serve this registry. Notifications are sent while the application's lifespan runs."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with registry.running():
            yield

    async def token(request: Request) -> Response:
        return await serve_token(registry, request)

    routes = [
        Route("/v2/{rest:path}", RegistryApi(registry)),
        Route("/token", token, methods=["GET"]),
        *control_routes(registry),
    ]
    return _FaultyStarlette(registry, routes=routes, lifespan=lifespan)


class _FaultyStarlette(Starlette):
    """Counts requests and applies faults, outside of all middleware: only there `send` is still the server's own."""

    def __init__(self, registry: LocalRegistry, *, routes: list[Route], lifespan: Lifespan[Starlette]) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/registry/"):
            await super().__call__(scope, receive, send)
            return
        self._registry.requests.record(
            scope["method"], scope["path"], conditional="if-none-match" in Headers(scope=scope)
        )
        fault = self._registry.faults.take(scope["method"], scope["path"])
        if fault is None:
            await super().__call__(scope, receive, send)
        elif isinstance(fault, FaultAnswer):
            headers = {"retry-after": fault.retry_after} if fault.retry_after else None
            await PlainTextResponse(f"planned {fault.status}\n", fault.status, headers=headers)(scope, receive, send)
        elif isinstance(fault, Hang) and fault.seconds is not None:
            await asyncio.sleep(fault.seconds)
            await super().__call__(scope, receive, send)
        elif isinstance(fault, Hang):
            await _disconnected(receive)
        else:
            await _reset(receive, send)


async def _reset(receive: Receive, send: Send) -> None:
    """Abort the server's connection. An in-process client has no server and gets ConnectionResetError."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("planned fault: connection reset")
    transport.abort()
    await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
