"""Given what a registry sends, or what nobody should send, then exactly the tags pushed and deleted come of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.event import EventAction, Parsed
from app.webhooks.distribution import parse
from tests.unit.webhooks.bodies import DIGEST, MALFORMED, V1, envelope, push
from tests.unit.webhooks.samples import body_of


def test_a_retry_has_the_same_identity() -> None:
    first, last = (
        parse({}, body_of("distribution", f"v2.8.2-retry-attempt-{number}.json")).events for number in (1, 6)
    )
    assert first == last
    assert first[0].event_id


@pytest.mark.parametrize("content_type", [V1, V1.replace("v1", "v2"), "Application/JSON; charset=utf-8", ""])
def test_content_types_of_registries_and_proxies(content_type: str) -> None:
    parsed = parse({"content-type": content_type}, envelope(push()))
    assert (len(parsed.events), parsed.oddities) == (1, ())


def test_another_content_type_is_told_and_the_events_still_count() -> None:
    parsed = parse({"content-type": "text/plain\x00"}, envelope(push()))
    assert len(parsed.events) == 1
    assert [oddity.where for oddity in parsed.oddities] == ["Content-Type"]


@pytest.mark.parametrize(
    ("url", "request_host", "host"),
    [
        ("https://Registry.Example.com/v2/x", "internal:5000", "registry.example.com"),
        ("https://user:pw@registry.example.com:5000/v2/x", "internal", "registry.example.com:5000"),
        ("http://[2001:db8::1]:5000/v2/x", "internal", "[2001:db8::1]:5000"),
        ("/v2/team/app/manifests/x", "internal:5000", "internal:5000"),
        ("", "internal:5000", "internal:5000"),
        ("", "", None),
    ],
)
def test_the_host_is_that_of_an_absolute_url_else_the_requests(url: str, request_host: str, host: str | None) -> None:
    parsed = parse({}, envelope({**push(url=url), "request": {"host": request_host}}))
    assert [event.host for event in parsed.events] == [host]


def test_docker_hubs_short_names_are_spelled_out() -> None:
    (event,) = parse({}, envelope(push(url="https://registry-1.docker.io/v2/", repository="redis"))).events
    assert (event.host, event.path) == ("docker.io", "library/redis")


@pytest.mark.parametrize(
    "event",
    [
        {"action": "pull", "target": {"tag": "v1", "repository": "team/app"}},
        {"action": "mount", "target": 5},
        {"action": "something new"},
        push(tag=""),
        push(tag=None),
        push(mediaType="application/octet-stream"),
        {"action": "push"},
        {"action": "delete", "target": {"digest": DIGEST, "repository": "team/app"}},
        {"action": "delete", "target": {"repository": "team/app"}},
    ],
)
def test_what_needs_nothing_is_counted(event: object) -> None:
    assert parse({}, envelope(event)) == Parsed(ignored=1)


def test_a_tag_deleted_has_no_digest() -> None:
    deleted = {"action": "delete", "target": {"tag": "v1", "repository": "team/app", "digest": "", "mediaType": ""}}
    (event,) = parse({}, envelope(deleted)).events
    assert (event.action, event.tag, event.digest, event.event_id) == (EventAction.DELETE, "v1", None, None)


@pytest.mark.parametrize("body", [b"{}", b'{"events": null}', b'{"events": []}'])
def test_an_envelope_may_be_empty(body: bytes) -> None:
    assert parse({}, body) == Parsed()


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bodies_become_oddities_that_can_be_stored(name: str) -> None:
    parsed = parse({"content-type": V1}, MALFORMED[name])

    assert parsed.events == ()
    assert parsed.oddities
    for oddity in parsed.oddities:
        assert oddity.problem.isprintable()
        assert 0 < len(oddity.problem) < 400


ODD_EVENTS = [
    name
    for name, body in MALFORMED.items()
    if body.startswith(b'{"events": [{') and name not in ("half of JSON", "huge number")
]


@pytest.mark.parametrize("name", ODD_EVENTS)
def test_the_good_events_beside_an_odd_one_count(name: str) -> None:
    odd = MALFORMED[name].removeprefix(b'{"events": [').removesuffix(b"]}")
    good = json.dumps(push(event_id="good")).encode()

    parsed = parse({}, b'{"events": [' + good + b", " + odd + b", " + good + b"]}")

    assert [event.event_id for event in parsed.events] == ["good", "good"]
    assert parsed.oddities


def test_broken_utf8_does_not_hide_the_event_that_it_stands_in() -> None:
    body = envelope({**push(), "actor": {"name": "J?rg"}}).replace(b"?", b"\xf6")
    parsed = parse({}, body)
    assert len(parsed.events) == 1
    assert [oddity.where for oddity in parsed.oddities] == ["body"]


def test_ten_thousand_events() -> None:
    parsed = parse({}, envelope(*(push(event_id=str(number)) for number in range(10_000))))
    assert len({event.event_id for event in parsed.events}) == 10_000


def test_ten_thousand_odd_events_are_told_shortly() -> None:
    parsed = parse({}, envelope(*(push(tag="no tag") for _ in range(10_000)), push()))
    assert len(parsed.events) == 1
    assert len(parsed.oddities) == 21
    assert "9980" in parsed.oddities[-1].problem


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=8,
)


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    assert isinstance(parse({}, body), Parsed)


@given(ANYTHING, st.sampled_from(["id", "action", "target", "request"]), st.booleans())
def test_no_part_of_any_type_raises_or_hides_its_neighbours(value: Any, name: str, in_target: bool) -> None:
    event = push(**{"tag" if name == "id" else name: value}) if in_target else {**push(), name: value}

    parsed = parse({}, envelope(push(event_id="good"), event))

    assert parsed.events[0].event_id == "good"
    assert len(parsed.events) + parsed.ignored + len(parsed.oddities) == 2
    for each in parsed.events:
        json.dumps([each.path, each.tag, each.host, each.event_id], ensure_ascii=False).encode()


@given(st.data())
def test_no_damage_to_a_good_body_raises(data: st.DataObject) -> None:
    body = bytearray(envelope(push()))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    parsed = parse({}, bytes(body))
    assert parsed.events or parsed.ignored or parsed.oddities


@pytest.mark.parametrize("spell", [str.lower, str.title])
def test_header_names_in_any_case_when_the_mapping_finds_them(spell: Callable[[str], str]) -> None:
    from starlette.datastructures import Headers

    headers = Headers({spell("content-type"): "text/html"})
    assert parse(headers, envelope()).oddities
