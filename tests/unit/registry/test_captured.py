"""Every captured answer of real registries, replayed to the client (see registry_api's INDEX for what each shows)."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.adapters.registry.auth.challenges import Challenge, choose, parse_challenges
from app.domain.reference import Repository
from app.errors import RegistryDenied, RegistryUnavailable, RepositoryNotFound, TagNotFound
from tests.unit.registry.answers import Registry, client, endpoint

FIXTURES = Path(__file__).parents[2] / "fixtures" / "registry_api"
INDEX = "sha256:fa12f9095d2d4096693c80aab7a17de9a9e7dab6b06eee6903e68244f431b5de"
PLAIN = "sha256:9a36e70f19f160af296ba731402875fae5b6113d00bf08eaf1497d60ddfce6ba"
DOCKER = "sha256:5110166667bc4548f2ecc87d6374bd77ecd3608d00cb23ddaad56c0a0ab0a6be"
REPUSHED = "sha256:37aa4ca505d4c7c024653930cee768a695706d9c4add30c329bce960a8b4aa84"
ALL_TAGS = {"1.0.0", "1.0.0_build.5", "Beta", "alpha", "docker", "multi", "v1.10.0", "v1.9.0", "zeta"}

# What the client makes of each: tags as a set, a digest (or its beginning), or an error.
EXPECTED: dict[str, Any] = {
    "tags-list": ALL_TAGS,
    "tags-list-n2": ({"1.0.0", "1.0.0_build.5"}, ALL_TAGS),
    "tags-list-n2-last": ({"alpha", "docker"}, ALL_TAGS),
    "tags-list-last-missing": ({"multi", "v1.10.0"}, ALL_TAGS),
    "tags-list-n-exact": ALL_TAGS,
    "tags-list-n0": (set(), ALL_TAGS),
    "tags-list-n-invalid": (RegistryUnavailable, ALL_TAGS),
    "tags-list-no-tags-left": set(),
    "tags-list-unknown-repo": RepositoryNotFound,
    "tags-list-invalid-name": RepositoryNotFound,
    "head-manifest-tag": PLAIN,
    "head-manifest-index": INDEX,
    "head-manifest-if-none-match": INDEX,
    "head-manifest-if-none-match-weak": REPUSHED,
    "head-manifest-unknown-tag": TagNotFound,
    "head-manifest-accept-wildcard": TagNotFound,
    "head-index-without-index-accept": (INDEX, TagNotFound),
    "head-docker-manifest-accept-all": DOCKER,
    "head-docker-manifest-no-accept": (DOCKER, RegistryUnavailable),
    "head-docker-list-accept-all": "sha256:2d5daf3",
    "head-docker-list-accept-schema2-only": "sha256:96bb3fa",
    "get-manifest-index": INDEX,
    "get-manifest-by-digest": PLAIN,
    "get-manifest-unknown-tag": TagNotFound,
    "get-manifest-plus-in-tag": TagNotFound,
    "get-index-without-index-accept": (INDEX, TagNotFound),
    "get-oci-manifest-without-oci-accept": TagNotFound,
    "delete-by-tag": RegistryUnavailable,  # never asked by us: as an answer to a listing it is no list
    "v2-root": RegistryUnavailable,
    "v2-root-anonymous": RegistryDenied,
}
FILES = sorted(FIXTURES.glob("*/*.json"))


def read(file: Path) -> Any:
    return json.loads(file.read_bytes())


def expected(file: Path) -> Any:
    outcome = EXPECTED[file.stem]
    if isinstance(outcome, tuple):
        return outcome[0] if file.parent.name == "distribution-3.0.0" else outcome[1]
    return outcome


async def ask(file: Path, captured: dict[str, Any], registry: Registry) -> Any:
    """Put the question to the client that the captured request was the answer to."""
    method, path = captured["request"]["method"], captured["request"]["path"]
    known = captured["request"]["headers"].get("If-None-Match", "").removeprefix("W/").strip('"') or None
    async with client(registry) as source:
        if "/manifests/" in path and method != "DELETE":
            name, _, reference = path.removeprefix("/v2/").partition("/manifests/")
            manifest = await source.manifest("main", Repository.of("example.com", name), reference, known=known)
            return manifest.digest
        name = path.removeprefix("/v2/").partition("/tags/")[0]
        # A name outside the grammar cannot be made by Repository.of: it stands for a registry that refuses one.
        repository = Repository(host="example.com", path=name or "team/app")
        return set(await source.tags("main", repository))


@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}-{file.stem}" for file in FILES])
async def test_a_captured_answer_is_understood(file: Path) -> None:
    captured = read(file)
    answer = captured["response"]
    replayed = 0

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal replayed
        if replayed and "/tags/list" in request.url.path:
            return httpx.Response(200, json={"name": "x", "tags": None})
        if captured["request"]["method"] == "GET" and request.method == "HEAD":
            return httpx.Response(200)  # a registry whose HEAD says nothing, so that the captured GET is asked for
        replayed += 1
        return httpx.Response(answer["status"], headers=answer["headers"], content=answer["body"].encode())

    outcome = expected(file)
    registry = Registry(handler)
    if isinstance(outcome, type):
        with pytest.raises(outcome, match="registry main"):
            await ask(file, captured, registry)
    elif isinstance(outcome, str):
        assert (await ask(file, captured, registry)).startswith(outcome)
    else:
        assert await ask(file, captured, registry) == outcome


def test_each_kind_of_captured_answer_is_expected() -> None:
    assert {file.stem for file in FILES} == set(EXPECTED)


def test_the_captured_challenge_asks_for_basic() -> None:
    captured = read(FIXTURES / "distribution-2.8.2-htpasswd" / "v2-root-anonymous.json")
    challenges = parse_challenges([captured["response"]["headers"]["Www-Authenticate"]])
    assert choose(challenges) == Challenge(scheme="basic", realm="example-realm")


async def test_the_captured_challenge_is_answered_with_the_configured_user() -> None:
    captured = read(FIXTURES / "distribution-2.8.2-htpasswd" / "v2-root-anonymous.json")

    def handler(request: httpx.Request) -> httpx.Response:
        if "authorization" in request.headers:
            return httpx.Response(200, json={"name": "team/app", "tags": ["1"]})
        return httpx.Response(401, headers=captured["response"]["headers"], content=captured["response"]["body"])

    registry = Registry(handler)
    async with client(registry, endpoint(username="ci-bot", password="a:b")) as source:
        assert await source.tags("main", Repository.of("example.com", "team/app")) == ("1",)
    assert registry.authorizations == [None, "Basic Y2ktYm90OmE6Yg=="]
