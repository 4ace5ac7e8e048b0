"""Real clients, pagination and authentication against the local registry."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import httpx

from app.simulators.registry import BasicAuth, BearerAuth, LocalRegistry, RegistrySettings
from app.simulators.registry.grammar import OCI_MANIFEST
from tests.servers.local_registry import local_registry
from tests.servers.no_tls import NO_TLS
from tests.servers.programs import need
from tests.servers.pushes import push_image, skopeo_push, write_oci_layout

TAG_URL = "/v2/team/app/manifests/v1.0.0"


def test_skopeo_pushes_and_pulls_an_index(tmp_path: Path) -> None:
    skopeo = need("skopeo")
    digest = write_oci_layout(tmp_path / "pushed", content="one", platforms=["linux/amd64", "linux/arm64"])
    with local_registry() as (registry, url):
        name = f"{url.removeprefix('http://')}/team/app:v1.0.0"
        skopeo_push(tmp_path / "pushed", name)
        pull = [skopeo, "copy", "--all", "--quiet", "--src-tls-verify=false", f"docker://{name}"]
        subprocess.run([*pull, f"oci:{tmp_path / 'pulled'}"], check=True, timeout=60)

    assert [row.digest for row in registry.history("team/app", "v1.0.0")] == [digest]
    assert sorted(blobs(tmp_path / "pulled")) == sorted(blobs(tmp_path / "pushed"))


def blobs(layout: Path) -> list[str]:
    return [path.name for path in (layout / "blobs" / "sha256").iterdir()]


def test_skopeo_pushes_with_a_bearer_token(tmp_path: Path) -> None:
    need("skopeo")
    digest = write_oci_layout(tmp_path, content="one")
    settings = RegistrySettings(auth=BearerAuth(users={"ci-bot": "secret"}))
    with local_registry(settings) as (registry, url):
        skopeo_push(tmp_path, f"{url.removeprefix('http://')}/team/app:v1.0.0", credentials=("ci-bot", "secret"))

    assert [row.digest for row in registry.history("team/app", "v1.0.0")] == [digest]


async def test_plain_http_pushes_in_chunks_and_at_once() -> None:
    with local_registry() as (registry, url):
        async with httpx.AsyncClient(verify=NO_TLS, base_url=url) as client:
            digest = await push_image(client, "team/app", "v1.0.0", content="one")
            started = await client.post("/v2/team/app/blobs/uploads/")
            await client.patch(started.headers["location"], content=b"ab")
            late = await client.patch(
                started.headers["location"], content=b"x", headers={"Content-Range": "7-7", "Content-Length": "1"}
            )
            wrong = await client.put(started.headers["location"], params={"digest": f"sha256:{'0' * 64}"})
            missing = await client.put(
                "/v2/team/app/manifests/bad",
                json={"config": {"digest": "sha256:1"}, "layers": []},
                headers={"Content-Type": OCI_MANIFEST},
            )

    assert [row.digest for row in registry.history("team/app", "v1.0.0")] == [digest]
    assert (late.status_code, late.headers["range"]) == (416, "0-1")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
    assert (missing.status_code, missing.json()["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert registry.history("team/app", "bad") == []


def test_the_pages_of_3_x_hold_every_tag_once_in_byte_order() -> None:
    tags = [f"v{number}" for number in range(10)] + ["Beta", "alpha"]
    with (
        local_registry(RegistrySettings(version="3.x")) as (registry, url),
        httpx.Client(verify=NO_TLS, base_url=url) as client,
    ):
        for tag in tags:
            registry.push("team/app", tag, content=tag)
        pages, path = [], "/v2/team/app/tags/list?n=5"
        while path:
            answer = client.get(path)
            pages.append(answer.json()["tags"] or [])
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        between = client.get("/v2/team/app/tags/list?n=1&last=b").json()["tags"]
        exact = client.get("/v2/team/app/tags/list?n=12")

    assert [len(page) for page in pages] == [5, 5, 2]
    assert [tag for page in pages for tag in page] == sorted(tags)
    assert between == ["v0"], "a last that is no tag skips nothing"
    assert "next" in exact.links, "3.1.1 sends a Link also when the page ends at the last tag"


def test_the_catalog_pages_in_both_versions() -> None:
    with local_registry() as (registry, url), httpx.Client(verify=NO_TLS, base_url=url) as client:
        for name in ("b/two", "a/one", "c/three"):
            registry.push(name, "v1", content=name)
        first = client.get("/v2/_catalog?n=2")
        second = client.get(first.links["next"]["url"])

    assert first.json() == {"repositories": ["a/one", "b/two"]}
    assert second.json() == {"repositories": ["c/three"]}


def test_basic_authentication_knows_its_users_only() -> None:
    settings = RegistrySettings(auth=BasicAuth(users={"ci-bot": "se:cret"}))
    with local_registry(settings) as (_, url), httpx.Client(verify=NO_TLS, base_url=url) as client:
        allowed = client.get("/v2/", auth=("ci-bot", "se:cret"))
        refused = [client.get("/v2/", auth=credentials) for credentials in (None, ("ci-bot", ""), ("nobody", ""))]
        broken = client.get("/v2/", headers={"Authorization": "Basic %%%"})

    assert allowed.status_code == 200
    assert {answer.status_code for answer in (*refused, broken)} == {401}


def bearer(client: httpx.Client, scope: str, credentials: tuple[str, str] | None) -> dict[str, str]:
    token = client.get("/token", params={"service": "local-registry", "scope": scope}, auth=credentials)
    return {"Accept": OCI_MANIFEST, "Authorization": f"Bearer {token.json()['token']}"}


def test_a_bearer_token_is_requested_granted_and_expires() -> None:
    now = [1_000.0]
    settings = RegistrySettings(auth=BearerAuth(users={"ci-bot": "secret"}, lifetime=60))
    registry = LocalRegistry(settings, clock=lambda: now[0])
    with local_registry(registry) as (_, url), httpx.Client(verify=NO_TLS, base_url=url) as client:
        registry.push("team/app", "v1.0.0", content="one")
        challenge = client.head(TAG_URL).headers["www-authenticate"]
        good = bearer(client, "repository:team/app:pull", ("ci-bot", "secret"))
        other = bearer(client, "repository:team/other:pull,push", ("ci-bot", "secret"))
        anonymous = bearer(client, "repository:team/app:pull", None)
        statuses = [client.head(TAG_URL, headers=headers).status_code for headers in (good, other, anonymous)]
        now[0] += 60
        expired = client.head(TAG_URL, headers=good)
        fresh = bearer(client, "repository:team/app:pull", ("ci-bot", "secret"))
        client.delete("/registry/tokens")
        revoked = client.head(TAG_URL, headers=fresh)
        wrong = client.get("/token", auth=("ci-bot", "wrong"))

    parameters = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    assert parameters == {"realm": f"{url}/token", "service": "local-registry", "scope": "repository:team/app:pull"}
    assert statuses == [200, 401, 401]
    assert (expired.status_code, revoked.status_code) == (401, 401)
    assert 'error="invalid_token"' in expired.headers["www-authenticate"]
    assert wrong.status_code == 401


def test_anonymous_pull_may_read_and_not_write() -> None:
    settings = RegistrySettings(auth=BearerAuth(users={}, anonymous_pull=True))
    with local_registry(settings) as (registry, url), httpx.Client(verify=NO_TLS, base_url=url) as client:
        registry.push("team/app", "v1.0.0", content="one")
        headers = bearer(client, "repository:team/app:pull,push", None)
        read = client.head(TAG_URL, headers=headers)
        write = client.post("/v2/team/app/blobs/uploads/", headers=headers)

    assert (read.status_code, write.status_code) == (200, 401)
    assert 'error="insufficient_scope"' in write.headers["www-authenticate"]
