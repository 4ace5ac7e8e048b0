"""What every operation under /v2/ gets: the request, the registry, and what the path named."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from .events import EventOrigin
from .registry import LocalRegistry
from .settings import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCall:
    """`reference` is the last part of the path: a tag, a digest or the id of an upload."""

    request: Request
    registry: LocalRegistry
    repository: str = ""
    reference: str = ""
    actor: str = ""

    @property
    def version(self) -> Version:
        return self.registry.settings.version

    def origin(self) -> EventOrigin:
        return origin_of(self.request, actor=self.actor)


def origin_of(request: Request, *, actor: str = "") -> EventOrigin:
    """Who sent this request, as an event tells it."""
    client = request.client
    return EventOrigin(
        host=request.headers.get("host", ""),
        method=request.method,
        addr=f"{client.host}:{client.port}" if client else "",
        user_agent=request.headers.get("user-agent", ""),
        actor=actor,
        scheme=request.url.scheme,
    )
