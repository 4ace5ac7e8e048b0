"""Requests by hand to the HTML doors: confirmations, the deploy page, and the login."""

from collections.abc import Iterator

from tests.hostile.people_label import FORM, HTML, KEY, PeopleCase
from tests.hostile.site import BOSS

_NO_ROLLOUT = b"00000000-0000-4000-8000-000000000000"
_WATCH_FORMS = (b"deploy", b"reset", b"switch-on", b"switch-off", b"release", b"check")
_ROLLOUT_FORMS = (b"promote", b"fail", b"rollback", b"replay")
_OTHERS = (b"/confirm/pause", b"/confirm/resume", b"/login")
_SAME_SITE = (b"sec-fetch-site", b"same-origin")

# No form, with the status of each.
_NO_FORM: dict[str, tuple[bytes, int]] = {
    "a field twice": (b"reason=a&reason=b", 400), "a NUL": (b"reason=a%00b", 400),
    "broken UTF-8": (b"reason=%ff", 400),
    "a surrogate": (b"reason=%ed%a0%80", 400), "bytes over ASCII": (b"reason=\xe9", 400),
    "many fields": (b"&".join(b"f%d=1" % n for n in range(30)), 400),
    "over the limit": (b"reason=" + b"x" * 16_384, 413), "thousands of separators": (b"&" * 16_000, 400),
}  # fmt: skip


def cases() -> Iterator[PeopleCase]:
    """All of them."""
    for kind in (_no_forms, _kinds, _keys, _deploys, _names, _logins, _nexts):
        yield from kind()


def _doors() -> Iterator[bytes]:
    for form in _WATCH_FORMS:
        yield b"/confirm/" + form + b"/app"
    for form in _ROLLOUT_FORMS:
        yield b"/confirm/" + form + b"/" + _NO_ROLLOUT
    yield from _OTHERS


def _no_forms() -> Iterator[PeopleCase]:
    for target in _doors():
        for name, (body, status) in _NO_FORM.items():
            door = target.decode()[:24]
            yield PeopleCase.post(f"form {door}: {name}", target, body, status, FORM, _SAME_SITE)


def _kinds() -> Iterator[PeopleCase]:
    for number, kind in enumerate((b"application/json", b"text/plain", b"multipart/form-data; boundary=x", b"", b"\xff",
                                   b"application/x-www-form-urlencodedx", b"x" * 8000)):  # fmt: skip
        header = (b"content-type", kind)
        yield PeopleCase.post(f"form: Content-Type {number}", b"/confirm/pause", b"reason=x", 415, header)
    yield PeopleCase.post("form: no Content-Type", b"/confirm/pause", b"reason=x", 415)
    for number, kind in enumerate(
        (b"APPLICATION/X-WWW-FORM-URLENCODED", b"application/x-www-form-urlencoded; charset=utf-16")
    ):
        yield PeopleCase.post(
            f"form: a sound Content-Type {number}", b"/confirm/resume", b"", 303, (b"content-type", kind)
        )


def _keys() -> Iterator[PeopleCase]:
    for number, key in enumerate((b"", b"idempotency_key=", b"idempotency_key=1", b"idempotency_key=" + b"0" * 33,
    b"IDEMPOTENCY_KEY=x",
                                  b"idempotency_key=%F0%9F%9A%80", b"idempotency_key=" + b"f" * 10_000)):  # fmt: skip
        yield PeopleCase.post(f"reset: key {number}", b"/confirm/reset/app", key, 400, FORM)
        body = b"tag=v1.1.0&rule=pin&" + key
        yield PeopleCase.post(f"deploy: key {number}", b"/confirm/deploy/app", body, 400, FORM)


def _deploys() -> Iterator[PeopleCase]:
    key = KEY % 1
    for name, fields in {
        "no tag": b"rule=pin", "an empty tag": b"tag=&rule=pin", "no rule": b"tag=v1.1.0",
        "another rule": b"tag=v1.1.0&rule=force",
        "an unknown tag": b"tag=v9.9.9&rule=pin", "an unknown tag to keep": b"tag=v9.9.9&rule=keep",
        "a traversal": b"tag=..%2f..&rule=keep",
        "markup": b"tag=%3Cscript%3E&rule=pin", "a long tag": b"tag=" + b"v" * 10_000 + b"&rule=pin",
        "a newline": b"tag=v1.1.0%0a&rule=pin",
        "a long reason": b"tag=v1.1.0&rule=pin&reason=" + b"x" * 301, "four bytes": b"tag=%F0%9F%9A%80&rule=keep",
        "a digest": b"tag=sha256:aa&rule=pin",
    }.items():  # fmt: skip
        body = fields + b"&" + key
        yield PeopleCase.post(f"deploy: {name}", b"/confirm/deploy/app", body, 400, FORM)
        yield PeopleCase.post(
            f"deploy by a script: {name}", b"/confirm/deploy/app", body, 400, FORM, (b"hx-request", b"true")
        )
    for target in (b"/confirm/pause", b"/confirm/switch-off/app"):
        body = b"reason=" + b"x" * 301
        yield PeopleCase.post(f"{target.decode()}: a long reason", target, body, 400, FORM)


def _names() -> Iterator[PeopleCase]:
    for name, path in {
        "unknown": b"nobody",
        "a NUL": b"%00",
        "broken UTF-8": b"%ff",
        "a traversal": b"..%2f..",
        "long": b"a" * 8000,
    }.items():
        for form in _WATCH_FORMS[:-1]:
            # The confirmation of an unknown watch is not there; a name that no table can hold is refused before.
            status = 400 if name == "a NUL" else 404
            body = b"tag=v1.1.0&rule=pin&" + KEY % 2
            target = b"/confirm/" + form + b"/" + path
            yield PeopleCase.post(f"form {form.decode()} of {name}", target, body, status, FORM)
            yield PeopleCase.get(f"confirmation {form.decode()} of {name}", target, status, HTML)
    for name, identifier in {"a number": b"1", "a NUL": b"%00", "text": b"x" * 8000, "a traversal": b"..%2f.."}.items():
        for form in _ROLLOUT_FORMS[:-1]:
            target = b"/confirm/" + form + b"/" + identifier
            yield PeopleCase.post(f"form {form.decode()} of {name}", target, KEY % 3, 404, FORM)
            yield PeopleCase.get(f"confirmation {form.decode()} of {name}", target, 404, HTML)


def _logins() -> Iterator[PeopleCase]:
    for name, body in {
        "nothing": b"",
        "an empty token": b"token=",
        "spaces": b"token=%20%0a",
        "another field": b"password=x",
    }.items():
        yield PeopleCase.bare(f"login with {name}", b"/login", 401, (FORM, _SAME_SITE), body=body)
    for name, body in {
        "a wrong token": b"token=wrong", "a long token": b"token=" + b"x" * 16_000,
        "four bytes": b"token=%F0%9F%9A%80", "a part": b"token=t-bos",
    }.items():  # fmt: skip
        yield PeopleCase.bare(f"login with {name}", b"/login", 401, (FORM, _SAME_SITE), body=body)
    for name, header in {
        "another site": (b"sec-fetch-site", b"cross-site"), "another origin": (b"origin", b"https://evil.example"),
        "the origin null": (b"origin", b"null"),
        "a broken origin": (b"origin", b"http://["), "an origin of bytes": (b"origin", b"\xff"),
        "nothing that proves": (b"x", b"y"),
    }.items():  # fmt: skip
        body = b"token=" + BOSS.encode()
        yield PeopleCase.bare(f"login from {name}", b"/login", 403, (FORM, header), body=body)
        yield PeopleCase.bare(f"logout from {name}", b"/logout", 403, (FORM, header), body=body)


def _nexts() -> Iterator[PeopleCase]:
    for number, path in enumerate((b"//evil.example", b"/%5cevil.example", b"https:%2f%2fevil.example",
    b"%0d%0aSet-Cookie:%20x", b"/%00"[:1],
                                   b"javascript:alert(1)", b"/" + b"x" * 8000, b"%F0%9F%9A%80",
                                   b"/%F0%9F%9A%80")):  # fmt: skip
        body = b"token=" + BOSS.encode() + b"&next=" + path
        yield PeopleCase.bare(f"login to page {number}", b"/login", 303, (FORM, _SAME_SITE), body=body)
