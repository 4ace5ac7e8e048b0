"""The local registry and the real one, side by side: the same requests give the same answers and the same events."""

from __future__ import annotations

from typing import Any

import httpx

from app.simulators.registry import RegistryNotifications, RegistrySettings
from app.simulators.registry.grammar import OCI_INDEX, OCI_MANIFEST
from tests.servers.local_registry import local_registry
from tests.servers.no_tls import NO_TLS
from tests.servers.recorder import Received, recording
from tests.servers.registry import Endpoint, RealRegistry, push_image

ACCEPT = {"Accept": f"{OCI_INDEX}, {OCI_MANIFEST}"}
SHOWN = ("docker-content-digest", "etag", "content-type", "content-length", "docker-distribution-api-version")
TAG_URL = "/v2/team/app/manifests/v1.0.0"


async def use(client: httpx.AsyncClient) -> list[Any]:
    """One life of a tag: pushed, moved, read in all ways, deleted. What a client saw of it."""
    platforms = ["linux/amd64", "linux/arm64"]
    first = await push_image(client, "team/app", "v1.0.0", content="one")
    index = await push_image(client, "team/app", "v1.0.0", content="two", platforms=platforms)
    missing = "sha256:" + "0" * 64
    answers = [
        await client.head(TAG_URL, headers=ACCEPT),
        await client.get(TAG_URL, headers=ACCEPT),
        await client.head(TAG_URL, headers={"Accept": "*/*"}),
        await client.head(TAG_URL, headers={**ACCEPT, "If-None-Match": f'"{index}"'}),
        await client.head(TAG_URL, headers={**ACCEPT, "If-None-Match": f'"{first}"'}),
        await client.get(f"/v2/team/app/manifests/{first}", headers=ACCEPT),
        await client.get("/v2/team/app/tags/list"),
        await client.get("/v2/_catalog"),
        await client.get("/v2/team/other/tags/list"),
        await client.get(f"/v2/team/app/manifests/{missing}", headers={"Accept": "*/*"}),
        await client.head(f"/v2/team/app/blobs/{missing}"),
        await client.put(f"/v2/team/app/manifests/{missing}", json={}, headers={"Content-Type": OCI_MANIFEST}),
        await client.delete(f"/v2/team/app/manifests/{index}"),
        await client.head(TAG_URL, headers=ACCEPT),
        await client.get("/v2/team/app/tags/list"),
    ]
    return [(a.status_code, {name: a.headers.get(name) for name in SHOWN}, a.text) for a in answers]


def events_of(received: list[Received]) -> list[Any]:
    """The events without what differs from run to run."""
    events = [one.event for one in received]
    return [(event["action"], {**event["target"], "url": None}, event["request"]["method"]) for event in events]


def is_last(received: list[Received]) -> bool:
    return any(one.event["target"].get("tag") and one.event["action"] == "delete" for one in received)


async def test_answers_and_events_are_the_same() -> None:
    with recording() as real_recorder, recording() as local_recorder:
        endpoint = Endpoint(url=real_recorder.url, ignore_media_types=(), ignore_actions=())
        with RealRegistry(notifications=[endpoint]) as real:
            async with real.client() as client:
                real_answers = await use(client)
            real_events = events_of(real_recorder.wait_for(is_last))
        sender = RegistryNotifications(url=local_recorder.url, ignore_media_types=(), ignore_actions=())
        with local_registry(RegistrySettings(notifications=(sender,))) as (_, url):
            async with httpx.AsyncClient(verify=NO_TLS, base_url=url) as client:
                local_answers = await use(client)
            local_events = events_of(local_recorder.wait_for(is_last))

    assert local_answers == real_answers
    assert local_events == real_events
