"""The local registry answers like the real ones: their captured exchanges, replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.simulators.registry import BasicAuth, LocalRegistry, RegistrySettings, create_registry_app
from app.simulators.registry.grammar import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from app.simulators.registry.images import StoredManifest
from app.simulators.registry.settings import Version

CAPTURED = Path(__file__).parents[3] / "fixtures" / "registry_api"
# 3.0.0 skipped a tag in these; the local registry's 3.x is 3.1.1, which does not.
FIXED_IN_3_1 = {"tags-list-last-missing", "tags-list-n-exact", "tags-list-no-tags-left"}
COMPARED = ("content-type", "docker-distribution-api-version", "link", "www-authenticate", "x-content-type-options")
# The order in which 2.8.2 listed them; 3.x sorts.
TAGS = ("1.0.0", "v1.10.0", "multi", "docker", "1.0.0_build.5", "alpha", "zeta", "v1.9.0", "Beta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    registry: str
    name: str
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def headers(self) -> httpx.Headers:
        return httpx.Headers(self.response["headers"])


def exchanges() -> Iterator[Any]:
    for path in sorted(CAPTURED.glob("*/*.json")):
        document = json.loads(path.read_text())
        registry, name = path.parent.name, path.stem
        if not (registry == "distribution-3.0.0" and name in FIXED_IN_3_1):
            exchange = Exchange(
                registry=registry, name=name, request=document["request"], response=document["response"]
            )
            yield pytest.param(exchange, id=f"{registry}:{name}")


def body_of(name: str) -> bytes:
    document = json.loads((CAPTURED / "distribution-2.8.2" / f"{name}.json").read_text())
    body: str = document["response"]["body"]
    return body.encode()


def stand_in(media_type: str, **fields: object) -> StoredManifest:
    """A manifest whose bytes were not captured."""
    return StoredManifest.of(json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}).encode(), media_type)


PLAIN = stand_in(OCI_MANIFEST, name="plain")
DOCKER = stand_in(DOCKER_MANIFEST, layers=[])
AMD64 = stand_in(DOCKER_MANIFEST, layers=[], name="amd64")
LIST = stand_in(
    DOCKER_LIST,
    manifests=[
        {"digest": PLAIN.digest, "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": AMD64.digest, "platform": {"os": "linux", "architecture": "amd64"}},
    ],
)
# Captured digest -> digest in this registry.
STAND_INS = {
    "sha256:37aa4ca505d4c7c024653930cee768a695706d9c4add30c329bce960a8b4aa84": PLAIN,
    "sha256:5110166667bc4548f2ecc87d6374bd77ecd3608d00cb23ddaad56c0a0ab0a6be": DOCKER,
    "sha256:2d5daf3031376d7999280b8ee8c53479713c08757ff2b532a151fbf8350e803d": LIST,
    "sha256:96bb3fa3a0404ed55ea0bb2994f37cdbbdd9b42728ed007f8774ec34ff4db23c": AMD64,
}


def filled(version: Version, *, basic: bool = False, second: bool = False) -> LocalRegistry:
    """The registry of the captures; `second` is the fresh one of the cases with `list`, `plain` and `team/empty`."""
    auth = BasicAuth(users={"ci-bot": "secret"}, realm="example-realm") if basic else None
    registry = LocalRegistry(RegistrySettings(version=version, auth=auth))
    image = StoredManifest.of(body_of("get-manifest-by-digest"), OCI_MANIFEST)
    index = StoredManifest.of(body_of("get-manifest-index"), OCI_INDEX)
    for manifest in (image, index, PLAIN, DOCKER, AMD64, LIST):
        registry.contents.put_manifest("team/app", manifest)
    special = {"multi": index, "docker": DOCKER, "plain": PLAIN, "list": LIST}
    for tag in ("plain", "list", "multi", "docker") if second else TAGS:
        registry.link("team/app", tag, special.get(tag, image).digest)
    registry.contents.put_manifest("team/empty", PLAIN)
    return registry


def registry_for(exchange: Exchange) -> LocalRegistry:
    return filled(
        "3.x" if "3.0.0" in exchange.registry else "2.8",
        basic=exchange.registry.endswith("htpasswd"),
        second=exchange.request["path"].endswith(("/manifests/plain", "/manifests/list")),
    )


@pytest.mark.parametrize("exchange", list(exchanges()))
async def test_a_captured_exchange_happens_again(exchange: Exchange) -> None:
    transport = httpx.ASGITransport(create_registry_app(registry_for(exchange)))
    expected, headers = exchange.headers, dict(exchange.request["headers"])
    for captured, manifest in STAND_INS.items():
        headers = {name: value.replace(captured, manifest.digest) for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:5055") as client:
        request = client.build_request(exchange.request["method"], exchange.request["path"], headers=headers)
        if "Accept" not in exchange.request["headers"]:
            del request.headers["accept"]
        answer = await client.send(request)

    assert answer.status_code == exchange.response["status"]
    assert answer.text == exchange.response["body"]
    assert [answer.headers.get(name) for name in COMPARED] == [expected.get(name) for name in COMPARED]
    digest = expected.get("docker-content-digest")
    if exchange.name == "head-docker-manifest-no-accept" and "2.8" in exchange.registry:
        assert answer.headers["docker-content-digest"] not in (digest, DOCKER.digest), "converted to schema 1"
    else:
        stored = STAND_INS.get(digest or "")
        shown = stored.digest if stored else digest
        assert answer.headers.get("docker-content-digest") == shown
        assert answer.headers.get("etag") == (f'"{shown}"' if shown else None)
        if not stored:
            assert answer.headers.get("content-length", "0") == expected.get("content-length", "0")
