"""The notification that Distribution 2.8.2 sends for an operation. Values and JSON only; sends nothing.

https://distribution.github.io/distribution/about/notifications/#events
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

CONTENT_TYPE = "application/vnd.docker.distribution.events.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOrigin:
    """The sender of a request, as an event names it. One object per request, so its events share its id."""

    host: str
    method: str = "PUT"
    addr: str = "127.0.0.1:0"
    user_agent: str = "registrywatcher"
    actor: str = ""
    scheme: str = "http"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTarget:
    """The object of an event. Empty text means absent, as in Go's `omitempty`."""

    repository: str
    media_type: str = ""
    digest: str = ""
    size: int = 0
    tag: str = ""
    from_repository: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    action: str
    target: EventTarget
    origin: EventOrigin
    at: float
    instance_id: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def envelope(self) -> bytes:
        """The request body: one event in one envelope, as the released registry sends it."""
        moment = datetime.fromtimestamp(self.at, UTC)
        event = {
            "id": self.id,
            "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z",
            "action": self.action,
            "target": _target(self.target, self.origin),
            "request": {
                "id": self.origin.id,
                "addr": self.origin.addr,
                "host": self.origin.host,
                "method": self.origin.method,
                "useragent": self.origin.user_agent,
            },
            "actor": {"name": self.origin.actor} if self.origin.actor else {},
            "source": {"addr": self.origin.host, "instanceID": self.instance_id},
        }
        return json.dumps({"events": [event]}, indent=3).encode()


def _target(target: EventTarget, origin: EventOrigin) -> dict[str, object]:
    kind = "blobs" if target.media_type == "application/octet-stream" else "manifests"
    url = f"{origin.scheme}://{origin.host}/v2/{target.repository}/{kind}/{target.digest}" if target.size else ""
    fields: dict[str, object] = {
        "mediaType": target.media_type,
        "size": target.size,
        "digest": target.digest,
        "length": target.size,
        "repository": target.repository,
        "fromRepository": target.from_repository,
        "url": url,
        "tag": target.tag,
    }
    return {name: value for name, value in fields.items() if value}
