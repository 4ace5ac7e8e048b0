"""Reads by hand: paths and queries of every page and of the JSON beside it."""

from collections.abc import Iterator

from tests.hostile.people_label import HTML, PeopleCase

_PATHS: dict[bytes, int] = {
    b"/nothing": 404, b"/%00": 404, b"/%ff": 404, b"/..%2f..%2fetc%2fpasswd": 404, b"//": 404, b"/.git/config": 404,
    b"/static/..%2frouting.py": 404,
    b"/static/%2e%2e/%2e%2e/routes.py": 404, b"/static/": 404, b"/static/vendor": 404, b"/static/" + b"a" * 300: 404,
    b"/static/page.css%00.js": 404, b"/static/%ff": 404, b"/repos/nobody": 404, b"/repos/%00": 400, b"/repos/%ff": 404,
    b"/repos/ap%0ap": 404, b"/repos/" + b"a" * 8000: 404, b"/repos/%3Cscript%3E": 404, b"/repos/app/why/why": 404,
    b"/tags/nobody": 400,
    b"/tags/%00": 400, b"/tags/app/%00": 400, b"/tags/%ff": 400, b"/tags/nobody/why": 404, b"/tags/%00/why": 400,
    b"/rollouts/1": 404,
    b"/rollouts/%00": 404, b"/rollouts/" + b"0" * 8000: 404, b"/deliveries/1": 404, b"/deliveries/%00": 404,
    b"/deliveries/%ff": 404,
    b"/deliveries/" + b"0" * 8000: 404, b"/webhooks/main": 405, b"/pause": 405, b"/confirm/check/app": 405,
    b"/logout": 405,
    b"/api/openapi.json%00": 404, b"/healthz/x": 404, b"/repos/app?%00=%00": 200, b"/%2e%2e/%2e%2e/": 404,
}  # fmt: skip
_REFUSED: dict[bytes, tuple[bytes, ...]] = {
    b"/activity": (b"x=1", b"kind=x", b"kind=%00", b"kind=deploy%0a", b"%00=1", b"%ff=1", b"kind=" + b"x" * 8000,
    b"KIND=x"),
    b"/deliveries": (b"x=1", b"became=x", b"became=%00", b"source=somebody", b"source=%ff", b"source=" + b"x" * 8000,
    b"became=accepted&became=x"),
    b"/": (b"x=1", b"state=x", b"state=%00", b"%3Cscript%3E=1", b"state=" + b"x" * 8000, b"state=held&state=x"),
    b"/tags/app/why": (b"tag=a/b", b"tag=v%00", b"tag=%ff", b"tag=" + b"v" * 129, b"tag=sha256:aa",
    b"tag=%F0%9F%9A%80", b"tag=../x"),
    b"/repos/app/why": (b"tag=a/b", b"tag=v%00", b"tag=%ed%a0%80", b"tag=" + b"v" * 8000),
}  # fmt: skip
_TAKEN: dict[bytes, tuple[bytes, ...]] = {
    b"/activity": (
        b"before=x", b"before=%00", b"before=2026-01-01", b"before=9999-99-99T00:00:00Z%20x",
        b"before=0001-01-01T00:00:00-23:59%20x",
        b"before=9999-12-31T23:59:59-23:59%20x", b"before=2026-01-01T00:00:00Z%20%00",
        b"before=2026-01-01T00:00:00Z%20" + b"x" * 8000,
        b"before=2026-01-01T00:00:00%2b24:00%20x", b"repo=nobody", b"by=nobody", b"by=%F0%9F%9A%80",
        b"repo=" + b"x" * 8000, b"repo=%ff",
        b"repo=%00", b"by=%00", b"repo=app&repo=%00", b"kind=&kind=", b"before=2026-W01-1T00:00:00Z%20x",
        b"before=-0001-01-01T00:00:00Z%20x",
        b"before=2026-01-01T00:00:00Z%20'%3B--", b"&&&&", b"by=a" * 500,
    ),
    b"/deliveries": (
        b"before=x", b"before=2026-01-01T00:00:00Z%20x", b"before=2026-01-01T00:00:00Z",
        b"before=9999-12-31T23:59:59-23:59%20" + b"0" * 32,
        b"before=0001-01-01T00:00:00%2b23:59%20" + b"0" * 32, b"before=0001-01-01T00:00:00Z%20" + b"0" * 32,
        b"before=%00", b"source=",
        b"source=%00", b"became=", b"source=main&source=second",
    ),
    b"/": (
        b"from=-1", b"from=1e9", b"from=99999999999", b"from=9999999", b"from=%00", b"from=%EF%BC%91", b"q=%00",
        b"text=%00", b"q=%ff", b"text=%25",
        b"q=_", b"q=%5c", b"text=" + b"x" * 8000, b"&".join(b"q=%d" % number for number in range(500)),
        b"q=" + b"a%20" * 2000, b"text=%E2%80%AE",
        b"q='%3B--", b"text=%ed%a0%80",
    ),
    b"/suggestions": (b"text=%00", b"text=%25", b"text=%5c", b"text=_", b"text=%ff", b"text=" + b"x" * 8000, b"x=1",
    b"text=%5c%25", b"text='%3B--"),
    b"/tags/app/why": (b"tag=", b"tag=%20", b"tag=v9.9.9", b"tag=v1&tag=v2", b"x=%00"),
    b"/repos/app": (b"before=x", b"before=2026-01-01T00:00:00Z%20%00", b"before=9999-12-31T23:59:59-23:59%20x",
    b"before=0001-01-01T00:00:00Z%20x"),
    b"/confirm/deploy/app": (b"tag=%00", b"tag=v9.9.9", b"find=%00", b"find=%25", b"tag=%ff", b"tag=" + b"v" * 8000,
    b"find=" + b"v" * 8000,
                             b"tag=../..", b"tag=%F0%9F%9A%80", b"tag=v1%0a", b"tag=a:b@c"),
    b"/login": (b"next=//evil.example", b"next=%00", b"next=" + b"x" * 8000, b"next=/%ff", b"next=%0d%0aX:%20y"),
    b"/rollouts": (b"x=%00", b"%ff"), b"/repos": (b"%00",), b"/live": (b"lastEventId=%00", b"%ff=%ff"),
    b"/ping": (b"\x7f=1",), b"/api/openapi.json": (b"%00",),
    b"/static/page.css": (b"v=%00", b"v=" + b"0" * 8000, b"%ff", b"v=%ff"),
}  # fmt: skip


def cases() -> Iterator[PeopleCase]:
    """All of them, for clients of JSON; queries for browsers, too."""
    for path, status in _PATHS.items():
        yield PeopleCase.get(f"GET {path[:50]!r}", path, status)
    for path, queries in _REFUSED.items():
        for query in queries:
            name, target = f"{path.decode()} {query[:40]!r} {len(query)}", path + b"?" + query
            yield PeopleCase.get(f"GET {name}", target, 400)
            yield PeopleCase.get(f"browser {name}", target, 400, HTML)
    for path, queries in _TAKEN.items():
        for query in queries:
            name, target = f"{path.decode()} {query[:40]!r} {len(query)}", path + b"?" + query
            status = 303 if path == b"/" and query == b"from=9999999" else 200
            yield PeopleCase.get(f"GET {name}", target, status)
            if path not in (b"/ping", b"/live", b"/api/openapi.json", b"/static/page.css"):
                yield PeopleCase.get(f"browser {name}", target, status, HTML)
