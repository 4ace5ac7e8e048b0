"""The input of every operation under /v2/: the request, the registry, and the names in the path."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from .events import EventOrigin
from .registry import LocalRegistry
from .settings import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCall:
    """One request. `reference` is the last part of the path: a tag, a digest or the id of an upload."""

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
    """The sender of this request, as an event names it."""
    client = request.client
    return EventOrigin(
        host=request.headers.get("host", ""),
        method=request.method,
        addr=f"{client.host}:{client.port}" if client else "",
        user_agent=request.headers.get("user-agent", ""),
        actor=actor,
        scheme=request.url.scheme,
    )
