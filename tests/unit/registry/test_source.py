"""The requests to a registry, and the meaning of its answers, hostile ones included."""

import hashlib
import json
from dataclasses import replace

import httpx
import pytest

from app.adapters.registry import RegistryClient
from app.domain.reference import Repository
from app.errors import RegistryDenied, RegistryUnavailable, RepositoryNotFound, TagNotFound
from app.ports import Manifest
from tests.unit.registry.answers import APP, D1, D2, Clock, Registry, client, endpoint, tags

INDEX = "application/vnd.oci.image.index.v1+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
V2 = "https://registry.example.com/v2/team/app"


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


async def test_all_pages_are_read_and_each_tag_is_once() -> None:
    pages = {
        f"{V2}/tags/list": tags("a", "b", link='</v2/team/app/tags/list?last=b>; rel="next"'),
        f"{V2}/tags/list?last=b": tags("b", "c", link=f'<{V2}/tags/list?last=c>; rel="next"'),
        f"{V2}/tags/list?last=c": tags(),
    }
    registry = Registry(lambda request: pages[str(request.url)])
    async with client(registry) as source:
        assert await source.tags("main", APP) == ("a", "b", "c")
    assert registry.lines == [f"GET {url}" for url in pages]


async def test_a_repeated_link_ends_the_listing() -> None:
    registry = Registry(lambda request: tags("a", link='<?last=a>; rel="next"'))
    async with client(registry) as source:
        assert await source.tags("main", APP) == ("a",)
    assert len(registry.requests) == 2


async def test_a_listing_without_end_is_given_up() -> None:
    count = iter(range(10_000))
    registry = Registry(lambda request: tags("a", link=f'<?last={next(count)}>; rel="next"'))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="more than 500 pages"):
            await source.tags("main", APP)


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_a_failing_later_page_fails_the_listing(status: int) -> None:
    answers = iter([tags("a", link='<?last=a>; rel="next"'), httpx.Response(status)])
    registry = Registry(lambda request: next(answers))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable):
            await source.tags("main", APP)


async def test_a_link_to_another_host_is_not_followed() -> None:
    registry = Registry(lambda request: tags("a", link='<https://evil.example.org/v2/x?last=a>; rel="next"'))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="another server"):
            await source.tags("main", APP)
    assert len(registry.requests) == 1


async def test_a_huge_listing_is_cut_off_over_all_pages() -> None:
    page = tags(*(f"{'x' * 120}{number}" for number in range(20_000)), link="")
    count = iter(range(10_000))

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=page.content, headers={"Link": f'<?last={next(count)}>; rel="next"'})

    registry = Registry(answer)
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="larger than"):
            await source.tags("main", APP)
    assert len(registry.requests) == 4


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (httpx.Response(200, html="<h1>Welcome</h1>"), RegistryUnavailable, "not JSON.*text/html.*registry_domain"),
        (httpx.Response(200, json=[]), RegistryUnavailable, "no tag list"),
        (httpx.Response(200, content=b"{"), RegistryUnavailable, "not JSON"),
        (
            httpx.Response(200, content=b"x", headers={"Content-Encoding": "br"}),
            RegistryUnavailable,
            "encoded as br",
        ),
        (httpx.Response(404, html="<h1>Not found</h1>"), RepositoryNotFound, "HTTP 404.*check registry_domain"),
        (httpx.Response(404, json={"errors": [{"code": "NAME_UNKNOWN"}]}), RepositoryNotFound, "NAME_UNKNOWN"),
        (httpx.Response(400, json={"errors": [{"code": "NAME_INVALID"}]}), RepositoryNotFound, "NAME_INVALID"),
        (httpx.Response(403, json={"errors": [{"code": "DENIED"}]}), RegistryDenied, "HTTP 403 DENIED"),
        (httpx.Response(403, json={"errors": [{"code": "toomanyrequests"}]}), RegistryUnavailable, "slow down"),
        (httpx.Response(405), RegistryUnavailable, "it answered HTTP 405"),
        (
            httpx.Response(500, html="<html>"),
            RegistryUnavailable,
            "^registry main: .*repository team/app at https://registry.example.com",
        ),
        (httpx.Response(302), RegistryUnavailable, "HTTP 302"),
    ],
)
async def test_what_is_no_listing_is_named(answer: httpx.Response, error: type[Exception], message: str) -> None:
    async with client(Registry(lambda request: answer)) as source:
        with pytest.raises(error, match=message):
            await source.tags("main", APP)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "7", 7.0), (429, "Sun, 22 Nov 2026 12:00:30 GMT", 30.0), (429, "", None), (503, "3", 3.0), (500, "", None)],
)
async def test_retry_after_is_passed_on(status: int, header: str, seconds: float | None) -> None:
    registry = Registry(lambda request: httpx.Response(status, headers={"Retry-After": header} if header else {}))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable) as caught:
            await source.manifest("main", APP, "v1")
    assert caught.value.retry_after == seconds


async def test_a_retry_after_pauses_requests_to_the_registry() -> None:
    answers = iter([httpx.Response(429, headers={"Retry-After": "7"}), tags("a")])
    registry, clock = Registry(lambda request: next(answers)), Clock()
    async with client(registry, clock=clock) as source:
        for waiting in (7.0, 5.0):
            with pytest.raises(RegistryUnavailable) as caught:
                await source.tags("main", APP)
            assert caught.value.retry_after == waiting
            clock.seconds += 2
        assert len(registry.requests) == 1
        clock.seconds += 3
        assert await source.tags("main", APP) == ("a",)


async def test_a_digest_is_read_by_head_with_all_types_accepted() -> None:
    answer = httpx.Response(200, headers={"Docker-Content-Digest": D1, "Content-Type": INDEX})
    registry = Registry(lambda request: answer)
    async with client(registry) as source:
        assert await source.manifest("main", APP, "v1") == Manifest(digest=D1, media_type=INDEX, is_index=True)
    (request,) = registry.requests
    assert registry.lines == [f"HEAD {V2}/manifests/v1"]
    assert len(request.headers["accept"].split(", ")) == 4
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("registrywatcher")
    assert "if-none-match" not in request.headers


async def test_a_known_digest_makes_the_request_conditional() -> None:
    registry = Registry(lambda request: httpx.Response(304))
    async with client(registry) as source:
        found = await source.manifest("main", APP, "v1", known=D1)
    assert found == Manifest(digest=D1, media_type="", is_index=False)
    assert registry.requests[0].headers["if-none-match"] == f'"{D1}"'


async def test_what_is_no_digest_makes_no_condition() -> None:
    registry = Registry(lambda request: httpx.Response(304))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="HTTP 304"):
            await source.manifest("main", APP, "v1", known='"x"\r\n')
    assert "if-none-match" not in registry.requests[0].headers


@pytest.mark.parametrize("head", [200, 405, 501])
async def test_without_a_digest_from_head_the_content_is_hashed(head: int) -> None:
    body = b'{"schemaVersion": 2}'

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(head)
        return httpx.Response(200, content=body, headers={"Content-Type": DOCKER})

    registry = Registry(answer)
    async with client(registry) as source:
        found = await source.manifest("main", APP, "v1")
    assert found == Manifest(digest=sha256(body), media_type=DOCKER, is_index=False)
    assert [request.method for request in registry.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Docker-Content-Digest": D1, "Content-Type": DOCKER}, "registry calls it"),
        ({"Docker-Content-Digest": "nonsense", "Content-Type": DOCKER}, "is not a digest"),
        ({"Content-Type": "text/html"}, "no image manifest, but text/html"),
        ({}, "has no type"),
    ],
)
async def test_content_that_is_not_what_it_claims_is_refused(headers: dict[str, str], message: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200) if request.method == "HEAD" else httpx.Response(200, content=b"{}", headers=headers)

    async with client(Registry(answer)) as source:
        with pytest.raises(RegistryUnavailable, match=message):
            await source.manifest("main", APP, "v1")


async def test_a_get_that_fails_after_head_is_named() -> None:
    registry = Registry(lambda request: httpx.Response(200 if request.method == "HEAD" else 400))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="HTTP 400"):
            await source.manifest("main", APP, "v1")


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Docker-Content-Digest": "sha256:abc"}, "is not a digest"),
        ({"Docker-Content-Digest": D2}, "to a request for sha256:1111"),
        ({"Docker-Content-Digest": D1, "Content-Type": SCHEMA1}, "converted to"),
    ],
)
async def test_a_head_that_answers_another_digest_is_refused(headers: dict[str, str], message: str) -> None:
    headers = {"Content-Type": DOCKER, **headers}
    async with client(Registry(lambda request: httpx.Response(200, headers=headers))) as source:
        with pytest.raises(RegistryUnavailable, match=message):
            await source.manifest("main", APP, D1)


@pytest.mark.parametrize("reference", ["a+b", "../x", "sha256:abc", "", "a b", "x" * 200])
async def test_a_malformed_name_is_not_requested(reference: str) -> None:
    registry = Registry(lambda request: httpx.Response(500))
    async with client(registry) as source:
        with pytest.raises(TagNotFound, match="no tag and no digest"):
            await source.manifest("main", APP, reference)
    assert registry.requests == []


async def test_a_missing_tag_is_distinguished_from_a_missing_repository_one_time() -> None:
    registry = Registry(lambda request: httpx.Response(404) if request.method == "HEAD" else tags("other"))
    async with client(registry) as source:
        for _ in range(2):
            with pytest.raises(TagNotFound, match="there is no v9"):
                await source.manifest("main", APP, "v9")
    assert registry.lines == [f"HEAD {V2}/manifests/v9", f"GET {V2}/tags/list?n=1", f"HEAD {V2}/manifests/v9"]


async def test_a_known_repository_is_not_checked_again() -> None:
    answers = iter([httpx.Response(200, headers={"Docker-Content-Digest": D1}), httpx.Response(404)])
    registry = Registry(lambda request: next(answers))
    async with client(registry) as source:
        await source.manifest("main", APP, "v1")
        with pytest.raises(TagNotFound):
            await source.manifest("main", APP, "v1")


@pytest.mark.parametrize(
    ("listing", "error"), [(404, RepositoryNotFound), (401, TagNotFound), (405, TagNotFound), (500, TagNotFound)]
)
async def test_a_missing_tag_in_an_unknown_repository(listing: int, error: type[Exception]) -> None:
    registry = Registry(lambda request: httpx.Response(404 if request.method == "HEAD" else listing))
    async with client(registry) as source:
        with pytest.raises(error):
            await source.manifest("main", APP, "v1")


async def test_an_indexs_children_are_listed() -> None:
    body = json.dumps({"mediaType": INDEX, "manifests": [{"digest": D1}, {"digest": D2}]}).encode()
    registry = Registry(lambda request: httpx.Response(200, content=body, headers={"Content-Type": INDEX}))
    async with client(registry) as source:
        assert await source.children("main", APP, sha256(body)) == {D1, D2}
        with pytest.raises(RegistryUnavailable, match="registry calls it"):
            await source.children("main", APP, D1)
    assert registry.lines[0] == f"GET {V2}/manifests/{sha256(body)}"


async def test_a_plain_manifest_has_no_children() -> None:
    registry = Registry(lambda request: httpx.Response(200, content=b"{}", headers={"Content-Type": DOCKER}))
    async with client(registry) as source:
        assert await source.children("main", APP, sha256(b"{}")) == frozenset()


async def test_a_missing_index_and_a_huge_one_are_named() -> None:
    answers = iter([tags("x"), httpx.Response(404), httpx.Response(200, content=b"x" * (4 * 1024 * 1024 + 1))])
    async with client(Registry(lambda request: next(answers))) as source:
        await source.tags("main", APP)
        with pytest.raises(TagNotFound):
            await source.children("main", APP, D1)
        with pytest.raises(RegistryUnavailable, match="larger than 4,194,304 bytes"):
            await source.children("main", APP, D1)


@pytest.mark.parametrize("domain", ["docker.io", "index.docker.io", "Registry.Hub.Docker.com", "registry-1.docker.io"])
async def test_docker_hub_is_addressed_by_its_api_host(domain: str) -> None:
    registry = Registry(lambda request: tags("1"))
    async with client(registry, endpoint(domain)) as source:
        await source.tags("main", Repository.of("docker.io", "nginx"))
    assert registry.lines == ["GET https://registry-1.docker.io/v2/library/nginx/tags/list"]


async def test_a_registry_that_is_not_configured_is_named() -> None:
    async with client(Registry(lambda request: tags())) as source:
        with pytest.raises(RegistryUnavailable, match="registry other: it is not configured"):
            await source.tags("other", APP)


@pytest.mark.parametrize("domain", ["bad host", "a:b:c", "registry.example.com:99999"])
async def test_a_domain_that_is_no_address_is_named(domain: str) -> None:
    async with RegistryClient({"main": endpoint(domain)}) as source:
        with pytest.raises(RegistryUnavailable, match="registry main"):
            await source.tags("main", APP)


async def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    async with RegistryClient({"main": replace(endpoint(), ca_file="/nowhere/ca.pem")}) as source:
        with pytest.raises(RegistryUnavailable, match=r"CA file /nowhere/ca\.pem cannot be used"):
            await source.tags("main", APP)
