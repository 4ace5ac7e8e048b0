"""The control API under /registry/, for tests and the demo: push, delete, faults, counters, history.

It has no authentication, since a local registry listens on loopback. The API under /v2/ has the one that is tested.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .call import origin_of
from .faults import FaultAnswer, Hang, RegistryFault, Reset
from .grammar import is_repository, is_tag
from .registry import LocalRegistry


def control_routes(registry: LocalRegistry) -> list[Route]:
    """The URL table under /registry/."""
    control = _Control(registry)
    return [
        Route("/registry/push/{repository:path}/{tag}", control.push, methods=["POST"]),
        Route("/registry/tags/{repository:path}/{tag}", control.delete_tag, methods=["DELETE"]),
        Route("/registry/history/{repository:path}/{tag}", control.history, methods=["GET"]),
        Route("/registry/requests", control.requests, methods=["GET"]),
        Route("/registry/requests", control.reset_requests, methods=["DELETE"]),
        Route("/registry/faults", control.faults, methods=["GET"]),
        Route("/registry/faults", control.add_fault, methods=["POST"]),
        Route("/registry/faults", control.clear_faults, methods=["DELETE"]),
        Route("/registry/tokens", control.revoke_tokens, methods=["DELETE"]),
        Route("/registry/link-delay", control.set_link_delay, methods=["PUT"]),
        Route("/registry/notifications", control.notifications, methods=["GET"]),
    ]


class _Control:
    def __init__(self, registry: LocalRegistry) -> None:
        self._registry = registry

    async def push(self, request: Request) -> Response:
        """Body, optional: {"content": "…", "platforms": ["linux/amd64", …]}. The default content is the tag's name."""
        repository, tag = request.path_params["repository"], request.path_params["tag"]
        if not (is_repository(repository) and is_tag(tag)):
            return JSONResponse({"error": "not a repository and a tag"}, 400)
        body = await _body(request)
        digest = self._registry.upload(
            repository,
            tag,
            content=str(body.get("content", tag)),
            platforms=body.get("platforms", ()),
            origin=origin_of(request),
        )
        await asyncio.sleep(self._registry.link_delay)
        self._registry.link(repository, tag, digest)
        return JSONResponse({"digest": digest})

    async def delete_tag(self, request: Request) -> Response:
        repository, tag = request.path_params["repository"], request.path_params["tag"]
        deleted = self._registry.delete_tag(repository, tag, origin=origin_of(request))
        return Response(status_code=204 if deleted else 404)

    async def history(self, request: Request) -> Response:
        changes = self._registry.history(request.path_params["repository"], request.path_params["tag"])
        return JSONResponse({"history": [[change.at, change.digest] for change in changes]})

    async def requests(self, request: Request) -> Response:
        return JSONResponse({"total": self._registry.requests.total(), "requests": self._registry.requests.rows()})

    async def reset_requests(self, request: Request) -> Response:
        self._registry.requests.reset()
        return Response(status_code=204)

    async def faults(self, request: Request) -> Response:
        left = self._registry.faults.left()
        return JSONResponse(
            {"faults": [{"path": fault.path, "method": fault.method, "left": times} for fault, times in left]}
        )

    async def add_fault(self, request: Request) -> Response:
        """Body: `path` (regular expression), `method`?, `times`?, and one of `status`, `hang`, `reset`.

        `status` may have a `retry_after`. `hang` is seconds, or true for "until the client gives up".
        """
        body = await _body(request)
        fault = RegistryFault(
            path=body["path"], method=body.get("method", ""), times=body.get("times", 1), action=_action(body)
        )
        self._registry.faults.add(fault)
        return Response(status_code=204)

    async def clear_faults(self, request: Request) -> Response:
        self._registry.faults.clear()
        return Response(status_code=204)

    async def revoke_tokens(self, request: Request) -> Response:
        self._registry.tokens.revoke_all()
        return Response(status_code=204)

    async def set_link_delay(self, request: Request) -> Response:
        self._registry.link_delay = float((await _body(request))["seconds"])
        return Response(status_code=204)

    async def notifications(self, request: Request) -> Response:
        rows = [
            {
                "url": sender.endpoint.url,
                "pending": sender.pending,
                "delivered": sender.delivered,
                "failures": sender.failures,
            }
            for sender in self._registry.senders
        ]
        return JSONResponse({"endpoints": rows})


def _action(body: dict[str, Any]) -> FaultAnswer | Hang | Reset:
    if "hang" in body:
        return Hang(seconds=None if body["hang"] is True else float(body["hang"]))
    if body.get("reset"):
        return Reset()
    return FaultAnswer(status=body["status"], retry_after=str(body.get("retry_after", "")))


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    parsed = json.loads(raw) if raw else {}
    return parsed if isinstance(parsed, dict) else {}
