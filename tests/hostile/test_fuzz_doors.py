"""Given what Hypothesis makes up for every door, no answer is 5xx, and the next delivery is accepted."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import strategies as st

from app.web.routes import PAGES, TABLE
from tests.hostile.door import Request
from tests.hostile.fuzz import fuzz
from tests.hostile.people_label import FORM, HTML
from tests.hostile.site import CALLER, Site, delivery
from tests.hostile.told import as_told, may_tell

TEXTS = st.text(max_size=30) | st.sampled_from(
    ["push", "app", "team/app", "v1.0.0", "sha256:" + "a" * 64, "\0", "\ud800", "../.."]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
TARGETS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("tag", "repository", "digest", "url", "mediaType"), TEXTS | JSON)
)
EVENTS = st.fixed_dictionaries(
    {}, optional={"id": TEXTS | JSON, "action": TEXTS | JSON, "target": TARGETS | JSON, "request": JSON}
)
VALUES = st.binary(max_size=200).map(lambda value: value.translate(None, b"\0\r\n"))
NAMES = st.sampled_from(
    [b"authorization", b"cookie", b"host", b"origin", b"accept", b"referer", b"last-event-id", b"content-type",
    b"content-length", b"hx-request",
     b"hx-target", b"sec-fetch-site", b"sec-fetch-mode", b"x-forwarded-proto", b"accept-encoding", b"range",
     b"if-none-match"]
)  # fmt: skip
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(tuple)
ROUTES = [(each.method, each.path) for each in (*TABLE, *PAGES) if not each.path.startswith("/webhooks")]


def bodies() -> st.SearchStrategy[bytes]:
    """Anything, JSON, and what looks like a delivery."""
    envelopes = st.fixed_dictionaries({"events": st.lists(EVENTS, max_size=4) | JSON})
    return st.binary(max_size=2_000) | (JSON | envelopes).map(lambda value: json.dumps(value).encode())


def test_deliveries(here: Site) -> None:
    def check(sent: tuple[bytes, Any]) -> None:
        body, headers = sent
        answer = here.send(delivery(body, *headers, derived=True))
        assert answer.status in (202, 401), answer
        if answer.status == 202:
            stored = here.delivery(answer)
            assert [row for row in stored.events if as_told(row) not in may_tell(body)] == []
        assert here.is_live()

    others = HEADERS.map(lambda headers: tuple(each for each in headers if each[0] != b"content-length"))
    fuzz("deliveries", check, st.tuples(bodies(), others))


@pytest.mark.parametrize("by", ["JSON", "form", "browser"])
def test_every_other_door(here: Site, by: str) -> None:
    own = {"JSON": (CALLER,), "form": (CALLER, FORM), "browser": (CALLER, HTML)}[by]

    def check(sent: tuple[tuple[str, str], str, dict[str, str], bytes, Any]) -> None:
        (method, path), name, query, body, headers = sent
        for part in ("{repo:path}", "{id}"):
            path = path.replace(part, quote(name, safe="/", errors="replace"))
        pairs = "&".join(
            f"{quote(key, errors='replace')}={quote(value, errors='replace')}" for key, value in query.items()
        )
        answer = here.send(
            Request(method=method, target=f"{path}?{pairs}".encode(), headers=(*own, *headers), body=body)
        )
        if path != "/readyz":  # it may say 503 of this site, which has no poller
            assert 200 <= answer.status < 500, answer
        assert here.is_live()

    names = st.sampled_from(["app", "team/app", "nobody", "00000000-0000-4000-8000-000000000000"]) | TEXTS
    keys = (
        st.sampled_from(
            [
                "plan",
                "tag",
                "find",
                "before",
                "kind",
                "by",
                "repo",
                "source",
                "became",
                "q",
                "text",
                "state",
                "from",
                "next",
            ]
        )
        | TEXTS
    )
    values = st.sampled_from(["true", "v1.0.0", "2026-01-01T00:00:00Z x", "9999-12-31T23:59:59-23:59 x"]) | TEXTS
    posted = bodies()
    if by == "form":
        fields = st.dictionaries(
            st.sampled_from(["tag", "rule", "idempotency_key", "reason", "next", "x"]), values, max_size=5
        )
        posted = fields.map(
            lambda form: "&".join(f"{key}={quote(value, errors='replace')}" for key, value in form.items()).encode()
        )
    queries = st.dictionaries(keys, values, max_size=3)
    fuzz(f"every other door by {by}", check, st.tuples(st.sampled_from(ROUTES), names, queries, posted, HEADERS))
