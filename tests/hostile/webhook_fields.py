"""Deliveries by hand: one event whose one field is not as the sender documents it."""

from collections.abc import Iterator
from typing import Any

from tests.hostile.webhook_label import IGNORED, QUARANTINED, B, DeliveryCase, Event, Label
from tests.unit.webhooks.bodies import DIGEST, envelope, push

GOOD = Label(events=(Event(),))

_NO_TAG = {
    "a space": "v1 0", "a newline": "v1\n", "a carriage return": "v1\r\nX: y", "a colon": "v1:2", "a slash": "a/b",
    "an at sign": "v1@sha256", "a plus": "1.0.0+b", "a dot first": ".v1", "a dash first": "-v1", "two dots": "..",
    "129 characters": "v" * 129, "a megabyte": "v" * 1_000_000, "a fullwidth digit": "v１", "a Cyrillic letter": "vа",
    "a zero-width joiner": "v1\u200d", "a right-to-left override": "v1\u202e", "a combining accent": "v1\u0301",
    "an emoji": "v🚀", "an Arabic digit": "v\u0661", "a soft hyphen": "v1\u00ad", "a BOM": "\ufeffv1",
    "percent signs": "v1%00", "a template": "{{7*7}}", "markup": "<b>v1</b>", "a quote": "v1'--",
    "a backslash": "v1\\",
    "a tilde": "~v1", "a dollar": "${v1}", "a star": "v*", "a hash": "v#1", "a question": "v?1",
    "a line separator": "v1\u2028", "DEL": "v1\x7f", "an escape": "\x1b[31mv1", "a private use": "v\ue000",
    "a noncharacter": "v\uffff",
}  # fmt: skip
_NO_PATH = {
    "upper case": "Team/App", "a traversal": "../../etc/passwd", "a slash first": "/team/app",
    "a slash last": "team/app/",
    "two slashes": "team//app", "a space": "team /app", "a NUL": "team\0/app", "a newline": "team/app\n",
    "a dot first": ".team/app",
    "a dash first": "-team/app", "an underscore first": "_team", "three underscores": "a___b",
    "a tag in it": "team/app:v1",
    "a digest in it": f"team/app@{DIGEST}", "a URL": "http://evil.example/team/app",
    "credentials": "user:secret@evil/app",
    "a Cyrillic letter": "tеam/app", "a dotless i": "teamı/app", "percent signs": "team%2fapp",
    "a backslash": "team\\app",
    "256 characters": "a" * 256, "many parts": "/".join(["a"] * 200), "a query": "team/app?x=1",
    "a fragment": "team/app#x",
    "a wildcard": "team/*", "a lone surrogate": "team\udfff", "a host with a port": "evil.example:5000/app",
    "a tilde": "~root/app", "dots": "a..b",
}  # fmt: skip
_NO_DIGEST = {
    "too short": "sha256:abc", "too long": DIGEST + "a", "upper-case hex": "sha256:" + "A" * 64,
    "no algorithm": "a" * 64, "an empty algorithm": ":" + "a" * 64, "a space": DIGEST + " ",
    "a newline": DIGEST + "\n",
    "sha512 of the length of sha256": "sha512:" + "a" * 64, "no hex": "sha256:" + "g" * 64,
    "a NUL": DIGEST[:-1] + "\0",
    "a fullwidth colon": "sha256：" + "a" * 64, "two": f"{DIGEST},{DIGEST}", "a megabyte": "sha256:" + "a" * 1_000_000,
    "Arabic digits": "sha256:" + "\u0661" * 64, "a prefix": "x" + "@" + DIGEST, "a traversal": "sha256:../../x",
}  # fmt: skip
_NO_URL = {
    "an open bracket": "http://[", "a host with a space": "http://a b/v2/",
    "a host with an underscore": "http://a_b/v2/",
    "a NUL in the host": "http://a\0b/v2/", "a newline in the host": "http://a\u2028b/",
    "a host of 300": f"http://{'a' * 300}/",
    "a Cyrillic host": "http://rеgistry.example.com/", "a port of text": "http://registry:port/",
    "a dash first": "http://-a/",
    "a template": "http://${HOST}/", "a zone": "http://[fe80::1%25eth0]/", "an emoji": "http://🚀.example/",
    "two colons": "http://a:1:2/",
}  # fmt: skip
_SOUND_URL = {
    "the cloud's metadata": "http://169.254.169.254/latest", "another host": "https://evil.example/v2/team/app",
    "credentials": "https://user:secret@evil.example/v2/", "loopback": "http://127.0.0.1:22/",
    "IPv6": "http://[::1]:5000/v2/",
    "file": "file:///etc/passwd", "javascript": "javascript:alert(1)", "gopher": "gopher://evil.example/_x",
    "a path": "/v2/x",
    "a query of a megabyte": "http://registry.example.com/?" + "x" * 1_000_000,
    "a port out of range": "http://a:99999/",
    "a decimal address": "http://2130706433/", "nothing but slashes": "////", "spaces": "   ",
}  # fmt: skip
_WRONG: tuple[tuple[str, Any], ...] = (
    ("true", True), ("false", False), ("zero", 0), ("a float", -1.5e300), ("a large number", 2**63),
    ("a list", ["push"]),
    ("an empty list", []), ("an object", {"a": 1}), ("an empty object", {}),
)  # fmt: skip
_NO_RECORD = (*_WRONG[:-2], ("a text", "team/app"), ("an empty text", ""))


def cases() -> Iterator[DeliveryCase]:
    """All of them."""
    for kind in (_texts, _types, _absent, _actions, _identities, _hosts):
        yield from kind()


def _of(field: str, name: str, event: object, label: Label) -> DeliveryCase:
    return DeliveryCase(name=f"{field}: {name}", body=envelope(event), label=label)


def _texts() -> Iterator[DeliveryCase]:
    for field, values in {"tag": _NO_TAG, "repository": _NO_PATH, "digest": _NO_DIGEST, "url": _NO_URL}.items():
        for name, value in values.items():
            yield _of(field, name, push(event_id=f"{field} {name}", **{field: value}), QUARANTINED)
    for (
        name,
        value,
    ) in _SOUND_URL.items():  # an address is never contacted, and a push of another host is one of its path
        yield _of("url", name, push(event_id=f"url {name}", url=value), GOOD)
    for tag in ("v" * 128, "_", "0", "a..b", "latest", "__proto__", "constructor", "null", "1e999", "v1.0.0_build"):
        yield _of(
            "tag", f"sound {tag[:16]}", push(event_id=f"tag {tag[:16]}", tag=tag), Label(events=(Event(tag=tag),))
        )
    for digest in ("sha512:" + "b" * 128, "blake3:" + "c" * 64, "md5:" + "0" * 32, DIGEST.upper(), B):
        label = Label(events=(Event(digest=digest),))
        yield _of("digest", f"sound {digest[:12]}", push(event_id=f"digest {digest[:12]}", digest=digest), label)
    for path in ("a", "a" * 255, "deep/er/path/of/app", "a.b_c-d/e__f", "0"):
        yield _of("repository", f"sound {path[:16]}", push(event_id=f"path {path[:8]}", repository=path),
                  Label(events=(Event(path=path),)))  # fmt: skip


def _types() -> Iterator[DeliveryCase]:
    for field in ("tag", "repository", "digest", "url", "mediaType"):
        for name, value in _WRONG:
            yield _of(field, f"is {name}", push(event_id=f"{field} is {name}", **{field: value}), QUARANTINED)
    for field in ("id", "action"):
        for name, value in _WRONG:
            yield _of(field, f"is {name}", {**push(), field: value}, QUARANTINED)
    for field in ("target", "request"):
        for name, value in _NO_RECORD:
            yield _of(field, f"is {name}", {**push(event_id=f"{field} {name}"), field: value}, QUARANTINED)
    for field in ("length", "size", "fromRepository", "references"):  # nobody reads them
        yield _of(field, "of any type", push(event_id=field, **{field: [{}]}), GOOD)
    for field in ("timestamp", "actor", "source"):
        yield _of(field, "of any type", {**push(event_id=field), field: [None]}, GOOD)


def _absent() -> Iterator[DeliveryCase]:
    def without(name: str) -> dict[str, Any]:
        event = push(event_id=f"without {name}")
        del event["target"][name]
        return event

    yield _of("tag", "absent", without("tag"), IGNORED)
    yield _of("repository", "absent", without("repository"), QUARANTINED)
    yield _of("digest", "absent", without("digest"), Label(events=(Event(digest=None),)))
    yield _of("url", "absent", without("url"), GOOD)
    yield _of("mediaType", "absent", without("mediaType"), GOOD)
    for field, label in {"target": IGNORED, "action": QUARANTINED, "request": GOOD, "id": GOOD}.items():
        event = push(event_id=f"without {field}")
        del event[field]
        yield _of(field, "absent", event, label)
        yield _of(field, "null", {**push(event_id=f"null {field}"), field: None}, label)
    yield _of("tag", "null", push(event_id="tag null", tag=None), IGNORED)
    yield _of("digest", "null", push(event_id="digest null", digest=None), Label(events=(Event(digest=None),)))


def _actions() -> Iterator[DeliveryCase]:
    for action in (
        "pull",
        "mount",
        "PUSH",
        "push ",
        "Push",
        "pu\u200bsh",
        "push\0",
        "delete\n",
        "x" * 100_000,
        "drop table",
    ):
        yield _of("action", repr(action[:12]), {**push(event_id=action[:12]), "action": action}, IGNORED)
    yield _of("action", "empty", {**push(), "action": ""}, QUARANTINED)
    deleted = {**push(event_id="deleted"), "action": "delete"}
    yield _of("action", "delete", deleted, Label(events=(Event(action="delete"),)))
    blob = push(event_id="blob", mediaType="application/octet-stream")
    yield _of("mediaType", "of a blob", blob, IGNORED)
    for kind in ("application/octet-stream ", "text/html", "x" * 100_000, "\0"):
        yield _of("mediaType", repr(kind[:25]), push(event_id=f"kind {kind[:5]!r}", mediaType=kind), GOOD)


def _identities() -> Iterator[DeliveryCase]:
    for name, identity in {
        "256 characters": "i" * 256, "a NUL": "i\0", "a newline": "i\n", "a lone surrogate": "i\ud800",
        "a BOM": "i\ufeff",
        "a noncharacter": "\uffff", "an escape": "\x1b[2J",
    }.items():  # fmt: skip
        yield _of("id", name, push(event_id=identity), QUARANTINED)
    for name, identity in {
        "255 characters": "i" * 255, "255 of four bytes": "🚀" * 255, "quotes": "'\";--", "markup": "<img src=x>",
        "a space": " ",
    }.items():  # fmt: skip
        yield _of("id", name, push(event_id=identity), Label(events=(Event(identity=identity),)))


def _hosts() -> Iterator[DeliveryCase]:
    for name, host in {"a URL": "http://a/b", "a space": "a b", "256 characters": "a" * 256, "a NUL": "a\0"}.items():
        event = {**push(event_id=f"host {name}", url=""), "request": {"host": host}}
        yield _of("request.host", name, event, QUARANTINED)
    for name, host in {
        "the cloud's metadata": "169.254.169.254",
        "another": "evil.example:5000",
        "upper case": "EVIL",
    }.items():
        event = {**push(event_id=f"host {name}", url=""), "request": {"host": host, "addr": "x"}}
        yield _of("request.host", name, event, GOOD)
