"""Requests by hand whose headers are hostile: tokens, cookies, origins, and what browsers and proxies send."""

import base64
from collections.abc import Iterator

from tests.hostile.people_label import HTML, PeopleCase
from tests.hostile.site import BOSS, CALLER, DEPLOYER, SECOND, SECRET, VIEWER

_HUGE = b"x" * 60_000

_NO_TOKEN: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "nothing": (), "an empty header": ((b"authorization", b""),), "a scheme alone": ((b"authorization", b"Bearer"),),
    "an empty token": ((b"authorization", b"Bearer  "),), "a wrong token": ((b"authorization", b"Bearer wrong"),),
    "a part of a token": ((b"authorization", b"Bearer t-bos"),),
    "more than a token": ((b"authorization", b"Bearer t-bossx"),),
    "another scheme": ((b"authorization", b"Token t-boss"),), "no scheme": ((b"authorization", b"t-boss"),),
    "two headers": ((b"authorization", b"Bearer t-boss"), (b"authorization", b"Bearer t-view")),
    "a NUL": ((b"authorization", b"Bearer t-boss\0"),),
    "bytes": ((b"authorization", b"Bearer \xff\xfe"),),
    "the webhook's secret": ((b"authorization", f"Bearer {SECRET}".encode()),),
    "Basic without base64": ((b"authorization", b"Basic !!!"),),
    "Basic of bytes": ((b"authorization", b"Basic " + base64.b64encode(b"\xff:\xff")),),
    "Basic without a colon": ((b"authorization", b"Basic " + base64.b64encode(b"t-boss")),),
    "a huge token": ((b"authorization", b"Bearer " + _HUGE),),
    "a huge Basic": ((b"authorization", b"Basic " + base64.b64encode(_HUGE)),),
    "Unicode": ((b"authorization", "Bearer t-bоss".encode()),),
    "a list": ((b"authorization", b"Bearer t-boss, Bearer t-boss"),),
    "JSON": ((b"authorization", b'Bearer {"alg":"none"}'),),
    "a cookie that is empty": ((b"cookie", b"registrywatcher="),),
    "a cookie of dots": ((b"cookie", b"registrywatcher=..."),),
    "a cookie without a MAC": ((b"cookie", b"registrywatcher=Ym9zcw.9999999999."),),
    "a cookie for ever": ((b"cookie", b"registrywatcher=Ym9zcw.999999999999999.AAAA"),),
    "a cookie of digits": ((b"cookie", "registrywatcher=Ym9zcw.\u0661\u0661.AAAA".encode()),),
    "a huge cookie": ((b"cookie", b"registrywatcher=" + _HUGE),),
    "a thousand cookies": ((b"cookie", b"; ".join(b"registrywatcher=%d" % number for number in range(1000))),),
    "a cookie of bytes": ((b"cookie", b"registrywatcher=\xff; \xff=\xff; ;=;"),),
    "quotes in a cookie": ((b"cookie", b'registrywatcher="\\377\\"'),),
    "a negative time": ((b"cookie", b"registrywatcher=Ym9zcw.-1.AAAA"),),
}  # fmt: skip
_HARMLESS: dict[str, tuple[bytes, bytes]] = {
    "Host of another": (b"host", b"evil.example"), "Host of bytes": (b"host", b"\xff"),
    "Host with a bracket": (b"host", b"[::1"), "huge Host": (b"host", _HUGE),
    "Accept of bytes": (b"accept", b"\xff/\xff;q=\xff"),
    "Accept with a bad quality": (b"accept", b"text/html;q=nan,application/json;q=1e999"),
    "huge Accept": (b"accept", b"text/html;q=0.1," * 4000),
    "Accept-Encoding of bytes": (b"accept-encoding", b"gzip;q=x, \xff"),
    "Accept-Language": (b"accept-language", b"\xff"),
    "Last-Event-ID of bytes": (b"last-event-id", b"\xff\xfe"), "huge Last-Event-ID": (b"last-event-id", _HUGE),
    "Last-Event-ID of a number": (b"last-event-id", b"99999999999999999999"),
    "Range": (b"range", b"bytes=0-,0-,0-"), "If-None-Match": (b"if-none-match", b"*"),
    "If-Modified-Since": (b"if-modified-since", b"Sun, 99 Nov 9999 99:99:99 GMT"),
    "Referer of another": (b"referer", b"https://evil.example/"), "broken Referer": (b"referer", b"http://["),
    "HX-Target of bytes": (b"hx-target", b"\xff"),
    "HX-Current-URL": (b"hx-current-url", b"javascript:alert(1)"),
    "X-Forwarded-Proto": (b"x-forwarded-proto", b"\xff, https"), "X-Forwarded-For": (b"x-forwarded-for", b"::1%eth0"),
    "Forwarded": (b"forwarded", b'for="[::1";host=evil'), "a flash that is no base64": (b"cookie", b"flash=!!!"),
    "a flash of lists": (b"cookie", b"flash=" + base64.b64encode(b"[" * 3000)),
    "a flash of numbers": (b"cookie", b"flash=" + base64.b64encode(b'[1e999, "x"]')),
    "a flash of a surrogate": (b"cookie", b"flash=" + base64.urlsafe_b64encode(b'["\\ud800", true]')),
    "a flash of markup": (b"cookie", b"flash=" + base64.urlsafe_b64encode(b'["<script>", true]')),
    "a flash of three": (b"cookie", b"flash=" + base64.urlsafe_b64encode(b"[1, 2, 3]")),
    "Content-Length of a read": (b"content-length", b"-5"), "Upgrade": (b"upgrade", b"websocket"),
    "Connection": (b"connection", b"close, \xff"),
    "Sec-Fetch-Mode": (b"sec-fetch-mode", b"\xff"), "Origin of another": (b"origin", b"https://evil.example"),
    "User-Agent": (b"user-agent", _HUGE),
}  # fmt: skip
_PAGES = (b"/", b"/deliveries")


def cases() -> Iterator[PeopleCase]:
    """All of them."""
    for kind in (_nobodies, _roles, _sites, _harmless):
        yield from kind()


def _nobodies() -> Iterator[PeopleCase]:
    for name, headers in _NO_TOKEN.items():
        yield PeopleCase.bare(f"read with {name}", b"/repos", 401, headers, method="GET")
        yield PeopleCase.bare(f"pause with {name}", b"/pause", 401, headers)
    for source, secret in ((b"main", SECOND), (b"second", SECRET)):  # one source's secret is not another's
        headers = ((b"authorization", f"Bearer {secret}".encode()),)
        yield PeopleCase.bare(
            f"delivery to {source.decode()} with another secret", b"/webhooks/" + source, 401, headers, body=b"{}"
        )
    for name, headers in _NO_TOKEN.items():
        if SECRET.encode() not in str(headers).encode():
            yield PeopleCase.bare(f"delivery with {name}", b"/webhooks/main", 401, headers, body=b"{}")
    for number, source in enumerate(
        (
            b"nobody",
            b"%00",
            b"%ff",
            b"a" * 8000,
            b"..%2fmain",
            b"main%20",
            b"MAIN",
            b"%6dain%0a",
            b"main;x",
            b"%F0%9F%9A%80",
        )
    ):
        yield PeopleCase.bare(f"delivery to source {number}", b"/webhooks/" + source, 404, (), body=b"{}")
    for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "X" * 100, "post"):
        yield PeopleCase.bare(f"delivery by {method[:9]}", b"/webhooks/main", 405, (), method=method)


def _roles() -> Iterator[PeopleCase]:
    for token, target in ((VIEWER, b"/pause"), (DEPLOYER, b"/pause"), (VIEWER, b"/tags/app"),
    (VIEWER, b"/tags/app/reset"), (VIEWER, b"/repos/app/check"),
                          (VIEWER, b"/repos/app/release-hold"), (VIEWER, b"/rollouts/1/fail"),
                          (DEPLOYER, b"/resume"), (VIEWER, b"/confirm/reset/app")):  # fmt: skip
        headers = ((b"authorization", b"Bearer " + token.encode()),)
        yield PeopleCase.bare(f"{token} at {target.decode()}", target, 403, headers, body=b'{"auto_deploy": false}')


def _sites() -> Iterator[PeopleCase]:
    basic = (b"authorization", b"Basic " + base64.b64encode(f"x:{BOSS}".encode()))
    for name, headers in {
        "nowhere": (), "another site": ((b"sec-fetch-site", b"cross-site"),),
        "a site of bytes": ((b"sec-fetch-site", b"\xff"),), "a sibling": ((b"sec-fetch-site", b"same-site"),),
        "another origin": ((b"origin", b"https://evil.example"),), "null": ((b"origin", b"null"),),
        "no URL": ((b"origin", b"http://["),), "an empty origin": ((b"origin", b""),),
        "two sites": ((b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"same-origin")),
    }.items():  # fmt: skip
        yield PeopleCase.bare(f"a browser's credentials from {name}", b"/pause", 403, (basic, *headers))


def _harmless() -> Iterator[PeopleCase]:
    for name, header in _HARMLESS.items():
        for page in _PAGES:
            yield PeopleCase.get(f"{name} at {page.decode()}", page, 200, HTML, header)
    for name in ("Last-Event-ID of bytes", "huge Last-Event-ID", "Last-Event-ID of a number"):
        yield PeopleCase.get(f"{name} at /live", b"/live", 200, _HARMLESS[name])
    yield PeopleCase.bare(
        "a sound token between spaces", b"/repos", 200, ((b"authorization", b"bearer   t-boss  "),), method="GET"
    )
    yield PeopleCase.bare("HEAD with a body", b"/repos", 200, (CALLER,), method="HEAD", body=b"{}")
