"""Requests by hand to the JSON doors: rules, resets, pauses, holds and rollouts."""

import gzip
import json
from collections.abc import Iterator

from tests.hostile.people_label import FORM, JSON, PeopleCase
from tests.unit.webhooks.bodies import DIGEST

_NO_ROLLOUT = b"00000000-0000-4000-8000-000000000000"
_WRONG = ("null", "1", "-0.0", "1e999", "[]", '["v1.1.0"]', "{}", '{"a": 1}')
_OF_REASON = (b"/pause", b"/resume", b"/repos/app/release-hold", b"/rollouts/" + _NO_ROLLOUT + b"/fail",
              b"/rollouts/" + _NO_ROLLOUT + b"/rollback")  # fmt: skip

# No rule change and no reason, as bytes.
_NO_JSON = {
    "text": b"hello", "half of it": b'{"pinned_tag": "v1.', "a NUL": b"\0", "a BOM": b'\xef\xbb\xbf{"reason": "x"}',
    "UTF-16": '{"reason": "x"}'.encode("utf-16"), "Latin-1": b'{"reason": "\xe9"}', "gzip": gzip.compress(b"{}"),
    "a form": b"pinned_tag=v1.1.0&reason=x", "a list": b"[]", "a list of one": b'[{"pinned_tag": "v1.1.0"}]',
    "a number": b"5",
    "a text of JSON": b'"{}"', "true": b"true", "null": b"null", "deep lists": b"[" * 60_000,
    "deep objects": b'{"a":' * 12_000,
    "a number of thousands of digits": b"9" * 60_000, "a comma at the end": b'{"reason": "x",}',
    "two values": b"{}{}",
    "a control character": b'{"reason": "\x01"}', "an unknown key": b'{"reason": "x", "force": true}',
    "a key of NUL": b'{"\\u0000": 1}',
    "a lone surrogate as key": b'{"\\ud800": 1}', "upper case": b'{"REASON": "x"}', "__proto__": b'{"__proto__": {}}',
    "the reason twice": b'{"reason": "a", "reason": "b"}',
    "the reason in escapes twice": b'{"reason": "a", "re\\u0061son": "b"}',
    "ten thousand keys": b"{" + b",".join(b'"%d":1' % number for number in range(5_000)) + b"}",
}  # fmt: skip


def cases() -> Iterator[PeopleCase]:
    """All of them."""
    for kind in (_rules, _tags, _names, _queries, _reasons, _rollouts):
        yield from kind()


def _rules() -> Iterator[PeopleCase]:
    for name, body in _NO_JSON.items():
        yield PeopleCase.post(f"rule: {name}", b"/tags/app", body, 400)
    for name, text in {
        "empty": "", "spaces": " \r\n\t", "no part": "{}", "only a reason": '{"reason": "why"}',
        "the tag by another key": '{"tag": "v1.1.0"}',
        "the tag twice": '{"pinned_tag": "v1.1.0", "pinned_tag": "v1.0.0"}',
        "auto_deploy twice": '{"auto_deploy": true, "auto_deploy": true}',
        "NaN": '{"auto_deploy": NaN}', "a flag as text": '{"auto_deploy": "true"}',
        "another's keys": '{"pinned_tag": "v1.1.0", "watch": "team/app"}',
        "a rule in a rule": '{"pinned_tag": {"pinned_tag": "v1.1.0"}}',
        "a reason that is too long": json.dumps({"auto_deploy": False, "reason": "x" * 301}),
    }.items():  # fmt: skip
        yield PeopleCase.post(f"rule: {name}", b"/tags/app", text.encode(), 400)
    for value in _WRONG:
        yield PeopleCase.post(f"rule: pinned_tag is {value}", b"/tags/app", f'{{"pinned_tag": {value}}}'.encode(), 400)
        yield PeopleCase.post(
            f"rule: auto_deploy is {value}", b"/tags/app", f'{{"auto_deploy": {value}}}'.encode(), 400
        )
        body = f'{{"auto_deploy": true, "reason": {value}}}'.encode()
        yield PeopleCase.post(f"rule: reason is {value}", b"/tags/app", body, 400)
    yield PeopleCase.post("rule: a body over the limit", b"/tags/app", b" " * 65_537, 413)
    sound = b'{"auto_deploy": true}'
    for number, header in enumerate((JSON, FORM, (b"content-type", b"\xff"), (b"content-encoding", b"gzip"),
                                     (b"content-length", b"1"), (b"x-http-method-override", b"DELETE"))):  # fmt: skip
        yield PeopleCase.post(f"rule: sound, with header {number}", b"/tags/app", sound, 200, header)
    reasons = {
        "surrogates": "\\ud83d",
        "controls": "\\u0000\\u0007\\n",
        "right to left": "\\u202e",
        "four bytes": "\\ud83d\\ude80",
    }
    for name, text in reasons.items():
        body = f'{{"auto_deploy": true, "reason": "{text}"}}'.encode()
        yield PeopleCase.post(f"rule: a reason of {name}", b"/tags/app", body, 200)


def _tags() -> Iterator[PeopleCase]:
    for name, tag in {
        "that is not there": "v9.9.9", "with a NUL": "v1\0", "with a lone surrogate": "v\ud800",
        "with a traversal": "../../v2/x",
        "with a query": "v1.1.0?x=1", "with a space": "v1.1.0 ", "with a newline": "v1.1.0\n",
        "with a digest": f"v1.1.0@{DIGEST}",
        "that is a digest": DIGEST, "that is a reference": "registry.example/team/app:v1.1.0",
        "of credentials": "user:secret@evil/app:v1",
        "of a megabyte less": "v" * 60_000, "with percent signs": "v1%2e1", "in fullwidth": "ｖ1.1.0",
        "with a joiner": "v1.1.0\u200d",
        "of markup": "<script>", "of SQL": "'; --", "of a template": "{{v}}", "in upper case": "V1.1.0",
        "of a dot": ".", "of dots": "..",
        "of a star": "v*", "of a header": "v1\r\nX-Evil: 1",
    }.items():  # fmt: skip
        body = json.dumps({"pinned_tag": tag}).encode()
        yield PeopleCase.post(f"tag {name}", b"/tags/app", body, 400)
        yield PeopleCase.post(f"preview of a tag {name}", b"/tags/app?plan=true", body, 400)


def _names() -> Iterator[PeopleCase]:
    body = b'{"auto_deploy": true}'
    for name, path in {
        "unknown": b"nobody", "a NUL": b"app%00", "a NUL first": b"%00app", "upper case": b"APP",
        "a traversal": b"..%2f..%2fetc",
        "dots": b"../app", "an encoded slash": b"team%2f%2fapp", "broken UTF-8": b"app%ff",
        "a surrogate": b"%ed%a0%80", "half an escape": b"app%2",
        "a space": b"app%20", "eight kilobytes": b"a" * 8000, "a semicolon": b"app;x=1",
        "a backslash": b"..%5capp",
        "markup": b"%3Cscript%3E", "SQL": b"'%20OR%201=1--", "fullwidth": b"%EF%BD%81pp",
        "twice encoded": b"%2561pp", "nothing": b"%20",
        "only slashes": b"//", "a right-to-left override": b"app%E2%80%AE",
    }.items():  # fmt: skip
        yield PeopleCase.post(f"name of {name}: rule", b"/tags/" + path, body, 400)
        yield PeopleCase.post(f"name of {name}: reset", b"/tags/" + path + b"/reset", b"", 400)
        yield PeopleCase.post(f"name of {name}: check", b"/repos/" + path + b"/check", b"", 400)
        yield PeopleCase.post(f"name of {name}: hold", b"/repos/" + path + b"/release-hold", b"", 400)

    for door in (b"/tags/%s", b"/tags/%s/reset", b"/repos/%s/check", b"/repos/%s/release-hold"):
        yield PeopleCase.post(f"name of a newline: {door.decode()}", door % b"ap%0ap", body, 404)


def _queries() -> Iterator[PeopleCase]:
    for query in (b"plan=", b"plan=1", b"plan=TRUE", b"plan=true&plan=false", b"plan=true&plan=true", b"plan=%00",
    b"plan=%ff",
                  b"plan=true%20", b"plan", b"plan=" + b"x" * 8000):  # fmt: skip
        yield PeopleCase.post(f"query {query[:20]!r}: rule", b"/tags/app?" + query, b'{"auto_deploy": true}', 400)
        yield PeopleCase.post(f"query {query[:20]!r}: reset", b"/tags/app/reset?" + query, b"", 400)
    for query in (b"plan=true", b"plan=true&x=%00", b"plan=true#x", b"%70lan=true"):
        status = 400 if b"#" in query else 200
        yield PeopleCase.post(f"query {query!r}: reset", b"/tags/app/reset?" + query, b"{garbage", status)


def _reasons() -> Iterator[PeopleCase]:
    for target in _OF_REASON:
        door = target.decode().rpartition("/")[2]
        for name, body in _NO_JSON.items():
            yield PeopleCase.post(f"{door}: {name}", target, body, 400)
        for value in _WRONG:
            yield PeopleCase.post(f"{door}: reason is {value}", target, f'{{"reason": {value}}}'.encode(), 400)
        yield PeopleCase.post(f"{door}: a body over the limit", target, b" " * 65_537, 413)
        if _NO_ROLLOUT not in target:  # an unknown rollout comes first
            long = json.dumps({"reason": "x" * 301}).encode()
            yield PeopleCase.post(f"{door}: a reason that is too long", target, long, 400)


def _rollouts() -> Iterator[PeopleCase]:
    for name, identifier in {
        "unknown": _NO_ROLLOUT, "a number": b"1", "a NUL": b"%00", "broken UTF-8": b"%ff",
        "a traversal": b"..%2f..", "text": b"x" * 8000,
        "a UUID and more": _NO_ROLLOUT + b"0", "minus one": b"-1", "SQL": b"'%20OR%20'1'='1",
        "fullwidth digits": b"%EF%BC%90" * 32,
    }.items():  # fmt: skip
        for door in (b"promote", b"fail", b"rollback"):
            yield PeopleCase.post(
                f"rollout of {name}: {door.decode()}", b"/rollouts/" + identifier + b"/" + door, b"", 404
            )
    for name, identifier in {"braces": b"{" + _NO_ROLLOUT + b"}", "a URN": b"urn:uuid:" + _NO_ROLLOUT}.items():
        yield PeopleCase.post(f"rollout in {name}", b"/rollouts/" + identifier + b"/fail", b"", 404)
