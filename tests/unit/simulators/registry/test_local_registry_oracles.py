"""Pushing without a client, history, counters, faults, and generated repositories."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.simulators.registry import (
    FaultAnswer,
    Generated,
    Hang,
    LocalRegistry,
    RegistryFault,
    RegistrySettings,
    Reset,
    StateDirectory,
)
from app.simulators.registry.grammar import OCI_INDEX, OCI_MANIFEST
from tests.servers.local_registry import local_registry
from tests.servers.no_tls import NO_TLS

ACCEPT = {"Accept": f"{OCI_INDEX}, {OCI_MANIFEST}"}
TAG_URL = "/v2/team/app/manifests/v1.0.0"


@pytest.fixture
def served() -> Iterator[tuple[LocalRegistry, httpx.Client]]:
    with (
        local_registry() as (registry, url),
        httpx.Client(verify=NO_TLS, base_url=url, headers=ACCEPT, timeout=30) as client,
    ):
        yield registry, client


Served = tuple[LocalRegistry, httpx.Client]


def test_equal_content_has_an_equal_digest_and_other_content_another() -> None:
    registry = LocalRegistry()
    first = registry.push("team/app", "v1.0.0", content="one")

    assert registry.push("team/app", "again", content="one") == first
    assert registry.push("team/app", "v1.0.0", content="two") != first


def test_a_pushed_index_is_served_with_its_platforms(served: Served) -> None:
    registry, client = served
    digest = registry.push("team/app", "v1.0.0", content="one", platforms=["linux/amd64", "linux/arm64/v8"])

    answer = client.get(TAG_URL)

    assert (answer.headers["content-type"], answer.headers["docker-content-digest"]) == (OCI_INDEX, digest)
    assert [entry["platform"] for entry in answer.json()["manifests"]] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
    ]
    child = client.get(f"/v2/team/app/manifests/{answer.json()['manifests'][1]['digest']}")
    assert child.headers["content-type"] == OCI_MANIFEST


def test_history_shows_the_digests_of_a_tag_with_their_times() -> None:
    now = [100.0]
    registry = LocalRegistry(clock=lambda: now[0])
    first = registry.push("team/app", "latest", content="one")
    now[0] = 200.0
    second = registry.push("team/app", "latest", content="two")
    now[0] = 300.0
    assert registry.delete_tag("team/app", "latest")

    served = [(row.at, row.digest) for row in registry.history("team/app", "latest")]

    assert served == [(100.0, first), (200.0, second), (300.0, None)]
    assert not registry.delete_tag("team/app", "latest")


def test_everything_works_over_http_too(served: Served) -> None:
    _, client = served
    digest = client.post("/registry/push/team/app/v1.0.0", json={"content": "one"}).json()["digest"]
    assert client.head(TAG_URL).headers["docker-content-digest"] == digest
    assert client.head(TAG_URL, headers={"If-None-Match": f'"{digest}"'}).status_code == 304
    assert client.delete("/registry/tags/team/app/v1.0.0").status_code == 204
    assert client.head(TAG_URL).status_code == 404

    history = client.get("/registry/history/team/app/v1.0.0").json()["history"]
    requests = client.get("/registry/requests").json()["requests"]

    assert [shown for _, shown in history] == [digest, None]
    assert requests == [{"method": "HEAD", "path": TAG_URL, "count": 3, "conditional": 1}]
    client.delete("/registry/requests")
    assert client.get("/registry/requests").json() == {"total": 0, "requests": []}


def test_a_pushed_name_outside_the_grammar_is_refused(served: Served) -> None:
    _, client = served
    assert client.post("/registry/push/Team/app/v1.0.0").status_code == 400


def test_planned_answers_are_given_in_order_and_then_no_more(served: Served) -> None:
    registry, client = served
    registry.push("team/app", "v1.0.0", content="one")
    registry.faults.add(RegistryFault(path="/v2/team/app/.*", method="HEAD", times=2, action=FaultAnswer(status=503)))
    plan = {"path": "/v2/.*", "status": 429, "retry_after": 7}
    assert client.post("/registry/faults", json=plan).status_code == 204

    statuses = [client.head(TAG_URL).status_code for _ in range(2)]
    limited = client.head(TAG_URL)

    assert statuses == [503, 503]
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert client.head(TAG_URL).status_code == 200
    assert registry.requests.count("HEAD", TAG_URL) == 4, "a spoiled request was asked too"


def test_a_reset_drops_the_connection(served: Served) -> None:
    registry, client = served
    registry.faults.add(RegistryFault(path="/v2/", action=Reset()))

    with pytest.raises(httpx.TransportError):
        client.get("/v2/")
    assert client.get("/v2/").status_code == 200


def test_a_hang_does_not_answer_until_the_client_gives_up(served: Served) -> None:
    registry, client = served
    registry.faults.add(RegistryFault(path="/v2/", action=Hang()))

    with pytest.raises(httpx.ReadTimeout):
        client.get("/v2/", timeout=0.2)


def test_a_hang_with_an_end_is_a_slow_answer(served: Served) -> None:
    registry, client = served
    registry.faults.add(RegistryFault(path="/v2/", action=Hang(seconds=0.2)))
    started = time.monotonic()

    assert client.get("/v2/").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_cleared_faults_do_not_happen(served: Served) -> None:
    _, client = served
    client.post("/registry/faults", json={"path": "/v2/", "reset": True, "times": 3})
    assert client.get("/registry/faults").json() == {"faults": [{"path": "/v2/", "method": "", "left": 3}]}

    client.delete("/registry/faults")

    assert client.get("/v2/").status_code == 200


def test_a_state_directory_brings_everything_back(tmp_path: Path) -> None:
    before = LocalRegistry(state=StateDirectory(tmp_path))
    digest = before.push("team/app", "v1.0.0", content="one", platforms=["linux/amd64"])
    before.push("team/app", "gone", content="two")
    before.delete_tag("team/app", "gone")

    after = LocalRegistry(state=StateDirectory(tmp_path))

    assert after.contents.tags("team/app") == ["v1.0.0"]
    assert after.contents.manifest("team/app", digest) == before.contents.manifest("team/app", digest)
    assert after.history("team/app", "gone") == before.history("team/app", "gone")
    assert after.contents.blobs == before.contents.blobs


def test_generated_repositories_cost_nothing_and_can_be_pushed_to() -> None:
    generated = Generated(repositories=10_000, tags=1_000)
    registry = LocalRegistry(RegistrySettings(generated=generated))
    name = generated.name(9_999)
    first = registry.contents.manifest(name, "v9.9.9")
    digest = registry.push(name, "v10.0.0", content="new")
    moved = registry.push(name, "v0.0.1", content="moved")
    registry.delete_tag(name, "v0.0.0")

    tags = registry.contents.tags(name)

    assert first is not None
    assert registry.history(name, "v9.9.9")[0].digest == first.digest
    assert tags is not None
    assert (len(tags), len(set(tags)), "v0.0.0" in tags) == (1_000, 1_000, False)
    assert [registry.history(name, tag)[-1].digest for tag in ("v10.0.0", "v0.0.1", "v0.0.0")] == [digest, moved, None]
    assert registry.contents.tags(generated.name(10_000)) is None
    assert registry.contents.manifest(name, "v0.0.0") is None
    assert len(registry.contents.names()) == 10_000
