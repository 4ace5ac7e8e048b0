"""Given a registry whose answers are hostile, each read gives sound values, or an error of ours in bounded time."""

import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st

from app.domain.reference import parse_digest, parse_tag
from app.errors import RegistryDenied, RegistryUnavailable, RepositoryNotFound, TagNotFound
from tests.hostile.fuzz import fuzz
from tests.unit.registry.answers import APP, D1, Registry, client

ERRORS = (RegistryUnavailable, RegistryDenied, RepositoryNotFound, TagNotFound)
INDEX = "application/vnd.oci.image.index.v1+json"
V2 = "https://registry.example.com/v2/team/app"

# A tags list, and whether it is one.
LISTS: dict[str, tuple[bytes, tuple[str, ...] | None]] = {
    "tags is a text": (b'{"name": "a", "tags": "v1"}', None), "tags is an object": (b'{"tags": {"v1": 1}}', None),
    "tags is true": (b'{"tags": true}', None),
    "a tag is a number": (b'{"tags": ["v1", 2]}', None), "a tag is null": (b'{"tags": [null]}', None),
    "a tag is a list": (b'{"tags": [["v1"]]}', None),
    "no tags and no name": (b"{}", None), "NaN": (b'{"tags": [NaN]}', None), "deep": (b"[" * 100_000, None),
    "a huge number": (b'{"tags": ' + b"9" * 10_000 + b"}", None),
    "a lone surrogate": (b'{"tags": ["\\ud800"]}', None), "UTF-16": ('{"tags": []}'.encode("utf-16"), None),
    "a BOM": (b'\xef\xbb\xbf{"tags": []}', None),
    "gzip without a header": (gzip.compress(b'{"tags": ["v1"]}'), None),
    "two values": (b'{"tags": []}{"tags": []}', None), "half": (b'{"tags": ["v1"', None),
    "tags of null": (b'{"name": "a", "tags": null}', ()), "tags twice": (b'{"tags": ["v1"], "tags": ["v2"]}', ("v2",)),
    "names that are no tags": (json.dumps({"tags": ["v1", "a/b", "../x", "v1\n", "v\0", "", "a:b", "x" * 129,
    "\u202e", "v1@x"]}).encode(), ("v1",)),
    "one tag many times": (json.dumps({"tags": ["v1"] * 5_000}).encode(), ("v1",)),
    "a newline that joins two": (b'{"tags": ["v1\\nv2", "v3"]}', ("v3",)),
}  # fmt: skip

# Headers of an answer to a HEAD that are no manifest.
HEADS: dict[str, dict[str, str]] = {
    "no digest": {"Docker-Content-Digest": "latest"}, "a short digest": {"Docker-Content-Digest": "sha256:1"},
    "upper case": {"Docker-Content-Digest": "sha256:" + "A" * 64},
    "two digests": {"Docker-Content-Digest": f"{D1}, {D1}"},
    "a digest and more": {"Docker-Content-Digest": D1 + ";x"},
    "a huge digest": {"Docker-Content-Digest": "sha256:" + "a" * 8_000},
    "a header over its bound": {"Docker-Content-Digest": "a" * 9_000},
    "a type over its bound": {"Docker-Content-Digest": D1, "Content-Type": "a" * 9_000},
    "the old schema": {"Docker-Content-Digest": D1,
    "Content-Type": "application/vnd.docker.distribution.manifest.v1+json"},
}  # fmt: skip
LINKS = (
    '<http://registry.example.com/v2/x>; rel="next"', '<//evil.example/x>; rel="next"',
    '<https://registry.example.com:444/x>; rel="next"',
    '<https://user:pw@evil.example/x>; rel="next"', '<file:///etc/passwd>; rel="next"', '<javascript:1>; rel="next"',
    '<http://[/>; rel="next"',
    '<https://registry.example.com.evil.example/x>; rel="next"',
    '<https://registry.example.com@evil.example/x>; rel="next"',
)  # fmt: skip
CHALLENGES = (
    'Bearer realm="http://169.254.169.254/token"', 'Bearer realm="https://127.0.0.1/token"',
    'Bearer realm="file:///etc/passwd"', 'Bearer realm="http://["', "Bearer realm=",
    'Bearer realm="//evil.example"', "Bearer", "Negotiate", "Basic", "\x7f",
    'Bearer realm="https://auth.example/t", scope="' + "x" * 5_000 + '"', ", ,,= =",
)  # fmt: skip
TOKENS = (b"", b"{", b"[]", b'{"token": 5}', b'{"token": ""}', b'{"token": "a b"}', b'{"token": "a\\r\\nX: y"}',
b'{"token": "\\u0000"}', b'{"token": null, "access_token": []}',
          b"[" * 100_000, b'{"token": "' + b"x" * 300_000 + b'"}', b"\xff")  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
async def test_a_tag_list(name: str) -> None:
    body, tags = LISTS[name]
    async with client(Registry(lambda _: httpx.Response(200, content=body))) as source:
        if tags is None:
            with pytest.raises(RegistryUnavailable):
                await source.tags("main", APP)
        else:
            assert await source.tags("main", APP) == tags


@pytest.mark.parametrize("name", HEADS)
async def test_a_manifest_by_its_head(name: str) -> None:
    async with client(Registry(lambda _: httpx.Response(200, headers=HEADS[name]))) as source:
        with pytest.raises(RegistryUnavailable):
            await source.manifest("main", APP, "v1")


@pytest.mark.parametrize("link", LINKS)
async def test_a_link_elsewhere_is_not_followed(link: str) -> None:
    registry = Registry(lambda _: httpx.Response(200, json={"tags": ["v1"]}, headers={"Link": link}))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable):
            await source.tags("main", APP)
    assert registry.lines == [f"GET {V2}/tags/list"]


@pytest.mark.parametrize("challenge", CHALLENGES, ids=range(len(CHALLENGES)))
async def test_a_challenge_leads_to_no_other_machine_than_it_may(challenge: str) -> None:
    registry = Registry(lambda _: httpx.Response(401, headers={"WWW-Authenticate": challenge}))
    async with client(registry) as source:
        with pytest.raises((RegistryDenied, RegistryUnavailable)):
            await source.tags("main", APP)
    hosts = {request.url.host for request in registry.requests}
    assert hosts <= {"registry.example.com", "auth.example"}


@pytest.mark.parametrize("body", TOKENS, ids=range(len(TOKENS)))
async def test_a_token_service_that_gives_no_token(body: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return httpx.Response(200, content=body)
        return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="https://auth.example/t"'})

    async with client(Registry(answer)) as source:
        with pytest.raises(RegistryUnavailable):
            await source.tags("main", APP)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip", "x"])
async def test_a_compressed_bomb_is_not_unpacked(encoding: str) -> None:
    bomb = gzip.compress(gzip.compress(b"0" * 100_000_000))
    registry = Registry(
        lambda _: httpx.Response(200, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(bomb))
    )
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="encoded as"):
            await source.tags("main", APP)


@pytest.mark.parametrize(
    "location", ["/", "?a=1", "https://registry.example.com/v2/", "http://127.0.0.1/", "//", "http://[", "\udcff", ""]
)
async def test_redirects_end(location: str) -> None:
    sent = [(b"Location", location.encode("utf-8", "surrogateescape"))]
    registry = Registry(lambda _: httpx.Response(302, headers=sent))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable):
            await source.tags("main", APP)
    assert len(registry.requests) <= 4
    assert {request.url.host for request in registry.requests} == {"registry.example.com"}


HEADERS = st.dictionaries(
    st.sampled_from(["Link", "Location", "WWW-Authenticate", "Retry-After", "Docker-Content-Digest", "Content-Type",
    "Content-Encoding"]),
    st.binary(max_size=60).map(lambda value: value.translate(None, b"\r\n\0").decode("latin-1"))
    | st.sampled_from([D1, INDEX, '<?n=1>; rel="next"', 'Bearer realm="https://auth.example/t"', "Basic", "5",
    "/v2/", "identity"]),
    max_size=3,
)  # fmt: skip
PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["v1", D1, INDEX]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["tags", "name", "manifests", "digest", "mediaType", "token", "errors", "code",
    "message"]), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip
ANSWERS = st.tuples(
    st.sampled_from(
        [200, 200, 200, 201, 204, 301, 302, 304, 307, 400, 401, 403, 404, 405, 418, 429, 500, 501, 503, 599]
    ),
    HEADERS,
    st.binary(max_size=200) | PARTS.map(lambda value: json.dumps(value).encode()),
)


def test_whatever_a_registry_answers() -> None:
    async def reads(answers: list[Any]) -> None:
        given = iter(answers)

        def answer(_: httpx.Request) -> httpx.Response:
            status, headers, body = next(given, answers[-1])
            return httpx.Response(
                status, headers=[(name, value.encode("latin-1")) for name, value in headers.items()], content=body
            )

        async with client(Registry(answer)) as source:
            for read in (
                source.tags("main", APP),
                source.manifest("main", APP, "v1"),
                source.children("main", APP, D1),
            ):
                try:
                    found: Any = await read
                except ERRORS:
                    continue
                if isinstance(found, tuple):
                    assert [parse_tag(each) for each in found] == list(found)
                elif isinstance(found, frozenset):
                    assert {parse_digest(each) for each in found} == found
                else:
                    assert parse_digest(found.digest) == found.digest

    fuzz("a registry's answers", lambda answers: asyncio.run(reads(answers)), st.lists(ANSWERS, min_size=1, max_size=4))
