"""Given the headers of a request, then each is found by its name, and only harmless ones are kept."""

import pytest

from app.webhooks.head import MAX_KEPT, Head

HEAD = Head(
    fields=((b"content-type", b"a"), (b"x-event", b"push"), (b"content-type", b"b"), (b"x-raw", b"\xff")),
    received_at=0.0,
)


@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_a_header_is_found_in_any_case_its_first_value_first(name: str) -> None:
    assert (HEAD[name], HEAD.all(name)) == ("a", (b"a", b"b"))


def test_a_header_that_was_not_sent() -> None:
    assert (HEAD.get("x-absent", ""), HEAD.all("x-absent"), "x-\udcff" in HEAD) == ("", (), False)


def test_it_is_a_mapping_of_each_name_once() -> None:
    assert dict(HEAD) == {"content-type": "a", "x-event": "push", "x-raw": "ÿ"}
    assert len(HEAD) == 3


def test_only_the_named_headers_are_kept() -> None:
    assert HEAD.kept(("X-Event", "x-absent")) == {"x-event": "push"}
    assert HEAD.kept(()) == {}


@pytest.mark.parametrize("value", [b"", b"a\x00b", b"a\x1bb", b"\x85", b"x" * (MAX_KEPT + 1)])
def test_a_value_that_no_store_could_hold_is_left_out(value: bytes) -> None:
    assert Head(fields=((b"x-event", value),), received_at=0.0).kept(("x-event",)) == {}


def test_a_value_at_the_limit_is_kept() -> None:
    longest = "x" * MAX_KEPT
    assert Head(fields=((b"x-event", longest.encode()),), received_at=0.0).kept(("x-event",)) == {"x-event": longest}
