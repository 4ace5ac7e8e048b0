"""Bodies that a sender of Distribution notifications might post: good ones, and one of each malformed class."""

import json
from collections.abc import Mapping
from typing import Any

DIGEST = "sha256:" + "a" * 64
V1 = "application/vnd.docker.distribution.events.v1+json"


def push(*, tag: object = "v1.0.0", event_id: object = "id-1", **target: object) -> dict[str, Any]:
    """A pushed tag as Distribution tells it; `target` overrides or adds keys of the target."""
    return {
        "id": event_id,
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": DIGEST,
            "repository": "team/app",
            "url": f"http://registry.example.com:5000/v2/team/app/manifests/{DIGEST}",
            "tag": tag,
            **target,
        },
        "request": {"id": "r", "host": "internal:5000"},
    }


def envelope(*events: object) -> bytes:
    return json.dumps({"events": list(events)}).encode()


def with_part(name: str, value: object) -> dict[str, Any]:
    """A push with one top-level part of another type."""
    return {**push(), name: value}


# Each is odd as a whole or in every event: no event comes of it.
MALFORMED: Mapping[str, bytes] = {
    "empty": b"",
    "not JSON": b"hello",
    "form": b"a=1&b=2",
    "half of JSON": envelope(push())[:-9],
    "invalid UTF-8 alone": b"\xff\xfe\x00",
    "UTF-16": envelope(push()).decode().encode("utf-16"),
    "NUL bytes": b"\x00" * 64,
    "null": b"null",
    "number": b"5",
    "text": b'"events"',
    "list": b"[]",
    "true": b"true",
    "another product": b'{"type": "PUSH_ARTIFACT", "event_data": {}}',
    "events is a text": b'{"events": "all"}',
    "events is an object": b'{"events": {"0": {}}}',
    "events is a number": b'{"events": 1e999}',
    "event is null": envelope(None),
    "event is a number": envelope(7),
    "event is a text": envelope("push"),
    "event is a list": envelope([push()]),
    "event is empty": envelope({}),
    "action is a number": envelope(with_part("action", 1)),
    "action is an object": envelope(with_part("action", {"push": True})),
    "id is a number": envelope(push(event_id=5)),
    "id has a NUL": envelope(push(event_id="a\x00b")),
    "id is too long": envelope(push(event_id="x" * 5000)),
    "target is a list": envelope(with_part("target", [])),
    "target is a text": envelope(with_part("target", "team/app")),
    "request is a number": envelope({**push(url=""), "request": 3}),
    "request.host is a list": envelope({**push(url=""), "request": {"host": []}}),
    "tag is a number": envelope(push(tag=1.0)),
    "tag has a NUL": envelope(push(tag="v1\x00")),
    "tag has a lone surrogate": b'{"events": [' + json.dumps(push(tag="v\ud800")).encode() + b"]}",
    "tag is too long": envelope(push(tag="v" * 129)),
    "tag is no tag": envelope(push(tag="../../etc")),
    "repository is absent": envelope(push(repository="")),
    "repository is a flag": envelope(push(repository=False)),
    "repository is no name": envelope(push(repository="Team/App")),
    "repository is too long": envelope(push(repository="a" * 256)),
    "mediaType is a number": envelope(push(mediaType=1)),
    "digest is a number": envelope(push(digest=10**40)),
    "digest is no digest": envelope(push(digest="sha256:123")),
    "url is a list": envelope(push(url=["http://a"])),
    "url is no URL": envelope(push(url="http://[::1/v2/")),
    "url's host is no host": envelope(push(url="http://a b/v2/")),
    "url's host is too long": envelope(push(url=f"http://{'a' * 300}/v2/")),
    "huge number": b'{"events": [{"action": ' + b"9" * 5000 + b"}]}",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"events":' * 20_000,
    "deep and closed": b'{"events": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}
