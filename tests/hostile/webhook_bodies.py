"""Deliveries by hand: bytes that are no envelope, envelopes of other shapes, and several events in one envelope."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

from app.domain.event import MOST_EVENTS
from tests.hostile.site import LIMIT
from tests.hostile.webhook_label import IGNORED, NOTHING, QUARANTINED, B, DeliveryCase, Event, Label
from tests.unit.webhooks.bodies import MALFORMED, V1, envelope, push

GOOD = Label(events=(Event(),))
GOOD_BUT_ODD = Label(events=(Event(),), odd=True)
PULL = {"action": "pull", "target": {"repository": "team/app", "tag": "v1.0.0"}}


def cases() -> Iterator[DeliveryCase]:
    """All of them; each event has an identity of its own unless the case is about identities."""
    for kind in (_known, _bytes, _envelopes, _keys, _several, _large, _heads):
        yield from kind()


def sound(name: str, **target: object) -> dict[str, Any]:
    """A sound push that no other case sends."""
    return push(event_id=f"case {name}", **target)


def _known() -> Iterator[DeliveryCase]:
    for name, body in MALFORMED.items():
        yield DeliveryCase(name=f"known: {name}", body=body, label=QUARANTINED)


def _bytes() -> Iterator[DeliveryCase]:
    def good(name: str) -> bytes:
        return envelope(sound(name))

    text = good("bytes").decode()
    odd = {
        "one NUL": b"\0",
        "only spaces": b" " * 1000,
        "a BOM alone": b"\xef\xbb\xbf",
        "UTF-16 without BOM": text.encode("utf-16-le"),
        "UTF-32": text.encode("utf-32"),
        "UTF-7": text.encode("utf-7").replace(b'"', b"+ACI-"),
        "EBCDIC": text.encode("cp500"),
        "gzip": gzip.compress(text.encode()),
        "deflate": zlib.compress(text.encode()),
        "gzip bomb": gzip.compress(b" " * (64 * 1024 * 1024)),
        "gzip of gzip": gzip.compress(gzip.compress(b" " * 1024 * 1024)),
        "zip": b"PK\x03\x04" + b"\0" * 64,
        "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
        "YAML": b"events:\n- action: push\n",
        "HTML": b"<html><script>alert(1)</script></html>",
        "multipart": b'--x\r\nContent-Disposition: form-data; name="events"\r\n\r\n[]\r\n--x--\r\n',
        "a request in a request": b"POST /pause HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "SQL": b"'; DROP TABLE events; --",
        "a template": b"{{ 7 * 7 }}${7*7}<%= 7*7 %>",
        "two values": good("two") + good("two"),
        "lines of JSON": good("lines") + b"\n" + good("lines"),
        "a comma at the end": good("comma")[:-1] + b",}",
        "single quotes": good("quotes").replace(b'"', b"'"),
        "a comment": b"/* x */" + good("comment"),
        "bare keys": b"{events: []}",
        "Python": b"{'events': None}",
        "a hexadecimal number": b'{"events": 0x10}',
        "a plus sign": b'{"events": +1}',
        "a leading zero": b'{"events": [{"action": 01}]}',
        "a control character in a text": b'{"events": [{"action": "pu\x01sh"}]}',
        "a bad escape": b'{"events": [{"action": "\\x70ush"}]}',
        "half an escape": b'{"events": [{"action": "\\u12"}]}',
        "an overlong slash": b'{"events": [{"action": "push", "target": {"tag": "a\xc0\xafb", "repository": "a"}}]}',
        "a surrogate in UTF-8": b'{"events": [{"action": "push", "target": {"tag": "\xed\xa0\x80"}}]}',
        "a number of a megabyte": b'{"events": ' + b"9" * 1_000_000 + b"}",
        "a fraction of a megabyte": b'{"events": 0.' + b"9" * 1_000_000 + b"}",
        "a text of a megabyte": b'"' + b"x" * 1_000_000 + b'"',
        "a key of a megabyte": b'{"' + b"x" * 1_000_000 + b'": 1}',
        "half a megabyte of brackets": b"[{" * 250_000,
        "deep and closed objects": b'{"a":' * 900 + b"1" + b"}" * 900,
        "a backslash at the end": b'{"events": "\\',
    }
    for name, body in odd.items():
        yield DeliveryCase(name=f"bytes: {name}", body=body, label=QUARANTINED)
    spaced = b"\r\n\t " + good("spaces") + b" \n" * 500
    yield DeliveryCase(name="bytes: spaces around JSON", body=spaced, label=GOOD)
    yield DeliveryCase(
        name="bytes: one byte in each chunk", body=[bytes([each]) for each in good("chunks")], label=GOOD
    )
    empty_chunks = [b"", good("empty chunks")[:7], b"", good("empty chunks")[7:], b""]
    yield DeliveryCase(name="bytes: empty chunks", body=empty_chunks, label=GOOD)
    escaped = good("escapes").replace(b"push", b"\\u0070\\u0075sh")
    yield DeliveryCase(name="bytes: a sound event in escapes", body=escaped, label=GOOD)
    latin = envelope({**sound("latin"), "actor": {"name": "J?rg"}}).replace(b"?", b"\xf6")
    yield DeliveryCase(name="bytes: Latin-1 beside a sound event", body=latin, label=GOOD_BUT_ODD)
    nan = good("nan")[:-1] + b', "x": NaN}'
    yield DeliveryCase(name="bytes: NaN beside a sound event", body=nan, label=GOOD_BUT_ODD)


def _envelopes() -> Iterator[DeliveryCase]:
    for name, value in {
        "an empty list of events": {"events": []},
        "null events": {"events": None},
        "an empty object": {},
    }.items():
        yield DeliveryCase(name=f"envelope: {name}", body=json.dumps(value).encode(), label=NOTHING)
    for name, value in {
        "events in a list": [sound("list")],
        "an event without its envelope": sound("bare"),
        "events as text": {"events": json.dumps([sound("text")])},
        "events is true": {"events": True},
        "events is zero": {"events": 0},
        "events is empty text": {"events": ""},
        "events is an empty object": {"events": {}},
        "upper-case keys": {"EVENTS": [sound("upper")]},
        "a space in the key": {"events ": [sound("space")]},
        "a NUL in the key": {"events\0": []},
        "an empty key": {"": []},
        "__proto__": {"__proto__": {"events": []}},
        "an envelope in an envelope": {"events": [{"events": [sound("inner")]}]},
        "lists in lists": {"events": [[[sound("lists")]]]},
        "CloudEvents": {"specversion": "1.0", "type": "push", "data": {"repository": "team/app", "tag": "v1.0.0"}},
        "Harbor": {"type": "PUSH_ARTIFACT", "event_data": {"resources": [{"tag": "v1.0.0"}]}},
        "Docker Hub": {"push_data": {"tag": "v1.0.0"}, "repository": {"repo_name": "team/app"}},
        "SNS": {"Type": "SubscriptionConfirmation", "SubscribeURL": "http://169.254.169.254/latest/meta-data"},
        "Event Grid": [{"eventType": "Microsoft.ContainerRegistry.ImagePushed"}],
    }.items():
        yield DeliveryCase(name=f"envelope: {name}", body=json.dumps(value).encode(), label=QUARANTINED)
    extra = {
        "events": [{**sound("extra"), "timestamp": "9999-99-99T99:99:99Z", "x" * 10_000: {"deep": [[[]]]}}],
        "y": 1,
    }
    yield DeliveryCase(
        name="envelope: unknown keys and times out of range", body=json.dumps(extra).encode(), label=GOOD
    )


def _keys() -> Iterator[DeliveryCase]:
    event = json.dumps(sound("twice"))
    twice = f'{{"events": [], "events": [{event}]}}'.encode()
    yield DeliveryCase(name="keys: events twice, the last counts", body=twice, label=GOOD)
    last_empty = f'{{"events": [{json.dumps(sound("dropped"))}], "events": []}}'.encode()
    yield DeliveryCase(name="keys: events twice, the last is empty", body=last_empty, label=NOTHING)
    for key, value, label in (
        ("tag", "v2.0.0", Label(events=(Event(tag="v2.0.0"),))),
        ("tag", "no tag", QUARANTINED),
        ("digest", B, Label(events=(Event(digest=B),))),
        ("repository", "team/other", Label(events=(Event(path="team/other"),))),
    ):
        event = json.dumps(sound(f"{key} {value}")).replace('}, "request"', f', "{key}": "{value}"}}, "request"')
        body = f'{{"events": [{event}]}}'.encode()
        yield DeliveryCase(name=f"keys: {key} twice, the last is {value[:12]}", body=body, label=label)
    action = b'{"events": [{"action": "push", "action": "pull", "target": {"tag": "v1", "repository": "a"}}]}'
    yield DeliveryCase(name="keys: action twice, the last is pull", body=action, label=IGNORED)
    many = b"{" + b",".join(b'"k%d":0' % number for number in range(100_000)) + b"}"
    yield DeliveryCase(name="keys: a hundred thousand", body=many, label=QUARANTINED)


def _several() -> Iterator[DeliveryCase]:
    bad = {**sound("bad"), "target": 7}
    for name, events, label in (
        ("a bad one before a good one", [bad, sound("after bad")], GOOD_BUT_ODD),
        ("a bad one behind a good one", [sound("before bad"), bad], GOOD_BUT_ODD),
        ("null, a good one, a number", [None, sound("between"), 5], GOOD_BUT_ODD),
        ("a hundred bad ones around a good one", [bad] * 50 + [sound("around")] + [bad] * 50, GOOD_BUT_ODD),
        ("a pull, a good one, a mount", [PULL, sound("pulls"), {"action": "mount"}],
         Label(events=(Event(),), ignored=2)),
        ("an id twice", [sound("same id"), sound("same id")], Label(events=(Event(),), duplicates=1)),
        ("an id twice for two tags", [sound("stolen id"), sound("stolen id", tag="v2.0.0")],
         Label(events=(Event(),), duplicates=1)),
        ("no ids", [push(event_id=None), push(event_id=""), push(event_id=None)],
         Label(events=(Event(identity=None),) * 3)),
        ("a push and a deletion of one tag", [sound("put"), {**sound("gone"), "action": "delete"}],
         Label(events=(Event(), Event(action="delete")))),
        ("one tag with two digests", [sound("one"), sound("two digests", digest=B)],
         Label(events=(Event(), Event(digest=B)))),
    ):  # fmt: skip
        yield DeliveryCase(name=f"several: {name}", body=envelope(*events), label=label)


def _large() -> Iterator[DeliveryCase]:
    tiny = b'{"action":"push","target":{"tag":"v%d","repository":"a"}}'
    first = tuple(Event(tag=f"v{number}", path="a", digest=None, identity=None) for number in range(MOST_EVENTS))
    for count in (MOST_EVENTS, 20_000):
        body = b'{"events":[' + b",".join(tiny % number for number in range(count)) + b"]}"
        label = Label(events=first, odd=count > MOST_EVENTS)
        yield DeliveryCase(name=f"large: {count} sound events", body=body, label=label)
    for name, one, label in (
        ("odd events", b"0", QUARANTINED),
        ("empty events", b"{}", QUARANTINED),
        ("pulls", b'{"action":"pull"}', Label(ignored=100_000)),
    ):
        body = b'{"events":[' + b",".join([one] * 100_000) + b"]}"
        yield DeliveryCase(name=f"large: a hundred thousand {name}", body=body, label=label)
    good = envelope(sound("at the limit"))
    yield DeliveryCase(name="large: at the limit", body=good + b" " * (LIMIT - len(good)), label=GOOD)
    yield DeliveryCase(
        name="large: a byte over the limit", body=good + b" " * (LIMIT + 1 - len(good)), label=QUARANTINED
    )
    yield DeliveryCase(name="large: chunks over the limit", body=[b" " * 65_536] * 65, label=QUARANTINED)
    field = envelope({**sound("a large field"), "actor": {"name": "x" * 2_000_000}})
    yield DeliveryCase(name="large: a field beside a sound event", body=field, label=GOOD)


def _heads() -> Iterator[DeliveryCase]:
    def one(name: str) -> bytes:
        return envelope(sound(f"head {name}"))

    for value in (
        b"",
        V1.encode(),
        V1.encode().upper(),
        b"application/json; charset=utf-16",
        b"application/json;;;=\xff",
    ):
        name = f"head: Content-Type {value[-24:]!r}"
        yield DeliveryCase(name=name, body=one(name), label=GOOD, headers=((b"content-type", value),))
    for value in (
        b"text/html", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"*/*", b"\xff\xfe",
        b"application/json, text/html", b"a" * 8000, b"application/cloudevents+json", b"${jndi:ldap://x}",
    ):  # fmt: skip
        name = f"head: Content-Type {value[:24]!r}"
        yield DeliveryCase(name=name, body=one(name), label=GOOD_BUT_ODD, headers=((b"content-type", value),))
    for header, value, label in (
        (b"content-encoding", b"gzip", GOOD),
        (b"content-encoding", b"br, gzip", GOOD),
        (b"transfer-encoding", b"chunked", GOOD),
        (b"expect", b"100-continue", GOOD),
        (b"content-length", b"-1", GOOD),
        (b"content-length", b"1e3", GOOD),
        (b"content-length", b"\xb2", GOOD),
        (b"content-length", b"0", GOOD),
        (b"content-length", b"9" * 5000, QUARANTINED),
        (b"host", b"evil.example", GOOD),
        (b"host", b"\xff" * 100, GOOD),
        (b"x-forwarded-proto", b"https, \xff", GOOD),
        (b"x-forwarded-for", b"127.0.0.1", GOOD),
        (b"origin", b"https://evil.example", GOOD),
        (b"sec-fetch-site", b"cross-site", GOOD),
        (b"cookie", b"registrywatcher=" + b"x" * 8000, GOOD),
        (b"hx-request", b"true", GOOD),
        (b"accept", b"text/html", GOOD),
        (b"x-http-method-override", b"DELETE", GOOD),
        (b"user-agent", b"() { :; }; /bin/false", GOOD),
        (b"last-event-id", b"\xff", GOOD),
        (b"range", b"bytes=0-0,-1", GOOD),
        (b"if-match", b"*", GOOD),
    ):
        name = f"head: {header.decode()} {value[:16]!r}"
        yield DeliveryCase(name=name, body=one(name), label=label, headers=((header, value),))
    yield DeliveryCase(
        name="head: a thousand headers",
        body=one("many"),
        label=GOOD,
        headers=tuple((b"x-%d" % n, b"y") for n in range(1000)),
    )
    gzipped = gzip.compress(one("gzip"))
    yield DeliveryCase(
        name="head: gzip that says so", body=gzipped, label=QUARANTINED, headers=((b"content-encoding", b"gzip"),)
    )
