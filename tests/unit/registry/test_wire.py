"""The wire formats, one by one."""

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.registry import wire
from app.adapters.registry.wire import Malformed

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
PAGE = "https://registry.example.com/v2/team/app/tags/list?n=2"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
D1 = "sha256:" + "1" * 64


def test_all_four_manifest_types_are_accepted_in_one_header() -> None:
    assert len(wire.ACCEPT.split(", ")) == 4
    assert "*" not in wire.ACCEPT


@pytest.mark.parametrize(
    ("origin", "query"),
    [
        ("https://ghcr.io", "?n=1000"),
        ("https://public.ecr.aws", "?n=1000"),
        ("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com", "?n=1000"),
        ("https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn:443", "?n=1000"),
        ("https://registry-1.docker.io", ""),
        ("http://127.0.0.1:5000", ""),
        ("https://ghcr.io.example.com", ""),
    ],
)
def test_large_pages_are_requested_where_pages_are_short(origin: str, query: str) -> None:
    assert wire.tags_url(origin, "team/app") == f"{origin}/v2/team/app/tags/list{query}"


def test_the_slashes_of_a_repository_stay_in_the_path() -> None:
    assert wire.manifest_url("http://a:1", "x/y/z", "v1") == "http://a:1/v2/x/y/z/manifests/v1"
    assert wire.one_tag_url("http://a:1", "x/y") == "http://a:1/v2/x/y/tags/list?n=1"


@pytest.mark.parametrize(
    ("text", "good"), [("v1", True), (D1, True), ("sha256:abc", False), ("", False), ("a/b", False)]
)
def test_only_tags_and_digests_are_requested(text: str, good: bool) -> None:
    assert wire.is_reference(text) is good


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ({"name": "x", "tags": ["b", "a"]}, ("b", "a")),
        ({"name": "x", "tags": None}, ()),
        ({"name": "x"}, ()),
        ({"tags": []}, ()),
        ({"name": "x", "tags": ["ok", "a\x00b", "", "../x", "a\nb", "sha256:" + "1" * 64, "x" * 129]}, ("ok",)),
        ({"name": "x", "tags": ["ok", "a\nb"]}, ("ok",)),
        ({"name": "x", "tags": ["a"], "manifest": {}, "child": []}, ("a",)),
    ],
)
def test_a_tag_list_is_read(body: dict[str, object], tags: tuple[str, ...]) -> None:
    assert wire.read_tags(json.dumps(body).encode()) == tags


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"tags":null}',
        b'{"tags":{}}',
        b'{"tags":[1]}',
        b"\xff",
        b'{"tags":["\xff"]}',
    ],
)
def test_what_is_no_tag_list_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="tag list"):
        wire.read_tags(body)


@pytest.mark.parametrize(
    ("links", "following"),
    [
        (['</v2/team/app/tags/list?last=b&n=2>; rel="next"'], "/v2/team/app/tags/list?last=b&n=2"),
        (["<?last=b>;rel=next"], "/v2/team/app/tags/list?last=b"),
        (['<https://registry.example.com:443/next>; title="a, b"; REL = "Next last"'], ":443/next"),
        (['</a>; rel="prev", </b,c>; rel="next"'], "/b,c"),
        (['</a>; rel="prev"', '</b>; rel="next"'], "/b"),
        (['</a>; rel="prev"'], None),
        (["</a>", "nonsense", '<>; title="rel=next"'], None),
        ([], None),
    ],
)
def test_the_next_page_is_found(links: list[str], following: str | None) -> None:
    found = wire.next_page(links, page=PAGE)
    assert found == (following and f"https://registry.example.com{following}")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example.com/v2/",
        "//evil.example.com/",
        "http://registry.example.com/",
        "https://registry.example.com:8443/",
    ],
)
def test_a_link_to_another_server_is_refused(target: str) -> None:
    with pytest.raises(Malformed, match="another server"):
        wire.next_page([f'<{target}?token=secret>; rel="next"'], page=PAGE)


def test_a_link_that_is_no_address_is_refused() -> None:
    with pytest.raises(Malformed, match="no URL"):
        wire.next_page(['<https://[>; rel="next"'], page=PAGE)


@given(st.text(max_size=80))
def test_no_link_breaks_the_parser(text: str) -> None:
    with suppress(Malformed):
        wire.next_page([text, f'<{text}>; rel="next"'], page=PAGE)


def test_a_media_type_loses_its_parameters() -> None:
    assert wire.media_type("Application/JSON; charset=utf-8") == "application/json"
    assert wire.media_type("") == ""


@pytest.mark.parametrize(("value", "digest"), [(None, None), ("", None), (D1, D1)])
def test_a_digest_header_is_read(value: str | None, digest: str | None) -> None:
    assert wire.read_digest_header(value) == digest


def test_a_wrong_digest_header_is_refused() -> None:
    with pytest.raises(Malformed, match="Docker-Content-Digest"):
        wire.read_digest_header("sha256:abc")


def document(**fields: object) -> bytes:
    return json.dumps({"schemaVersion": 2, **fields}).encode()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_manifest_is_known_by_its_bytes(algorithm: str) -> None:
    body = document(mediaType=MANIFEST)
    digest = f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"
    assert wire.read_manifest(body, content_type=f"{MANIFEST}; x=y", claimed=digest) == (digest, MANIFEST)


def test_a_manifest_without_media_type_and_claim_is_taken() -> None:
    body = document()
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert wire.read_manifest(body, content_type=INDEX, claimed=None) == (digest, INDEX)


@pytest.mark.parametrize(
    ("body", "content_type", "claimed", "because"),
    [
        (b"<html>", "text/html", None, "no image manifest, but text/html"),
        (document(), "", None, "has no type"),
        (document(), INDEX, D1, "the registry calls it"),
        (document(), INDEX, "blake3:" + "1" * 64, "cannot be checked"),
        (document(mediaType=MANIFEST), INDEX, None, "type is wrong"),
        (document(mediaType=7), INDEX, None, "type is wrong"),
        (b"[]", INDEX, None, "no manifest"),
        (b"{", INDEX, None, "not JSON"),
    ],
)
def test_what_is_not_the_manifest_is_refused(body: bytes, content_type: str, claimed: str | None, because: str) -> None:
    with pytest.raises(Malformed, match=because):
        wire.read_manifest(body, content_type=content_type, claimed=claimed)


def test_an_index_lists_its_children() -> None:
    entries = [{"digest": D1}, {"digest": D1}, {"digest": "sha256:no"}, {"digest": "tag"}, {"digest": 1}, {}]
    assert wire.read_children(document(manifests=entries)) == frozenset({D1})


@pytest.mark.parametrize("body", [document(), document(manifests={}), document(manifests=["x"]), b"[]"])
def test_an_index_without_a_list_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="index"):
        wire.read_children(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errors":[{"code":"name_unknown","message":"no\\nsuch","detail":{"a":[1]}}]}', ("NAME_UNKNOWN", "no such")),
        (b'{"errors":[{"code":"DENIED"}]}', ("DENIED", "")),
        (b'{"errors":[{"code":1,"message":null}]}', ("", "")),
        (b'{"errors":[]}', ("", "")),
        (b'{"errors":["x"]}', ("", "")),
        (b'{"errors":null}', ("", "")),
        (b"{}", ("", "")),
        (b"404 page not found\n", ("", "")),
        (b"", ("", "")),
        (
            b'{"errors":[{"code":"X","message":"see https://u:p@a.example/x?token=y now"}]}',
            ("X", "see https://a.example/x?… now"),
        ),
    ],
)
def test_an_error_is_read_when_it_is_one(body: bytes, said: tuple[str, str]) -> None:
    assert wire.read_error(body) == said


def test_an_errors_text_is_bounded() -> None:
    code, message = wire.read_error(json.dumps({"errors": [{"code": "c" * 999, "message": "m" * 99_999}]}).encode())
    assert (len(code), len(message)) == (60, 300)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("9" * 400, 21_600.0),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30.0),
        ("Sun, 22 Nov 2026 13:00:30 +0100", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 11:00:00 GMT", 21_600.0),
        ("Sun, 99 Nov 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert wire.retry_after(value, now=NOW) == seconds


@given(st.text(max_size=60))
def test_no_retry_after_breaks_the_parser(text: str) -> None:
    seconds = wire.retry_after(text, now=NOW)
    assert seconds is None or 0 <= seconds <= 21_600
