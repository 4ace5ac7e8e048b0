"""Notifications: content, order, retries, and the tag that is linked after its event."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import httpx
import pytest

from app.simulators.registry import RegistryNotifications, RegistrySettings
from app.simulators.registry.grammar import OCI_MANIFEST
from tests.servers.local_registry import local_registry
from tests.servers.no_tls import NO_TLS
from tests.servers.recorder import Received, recording

ACCEPT = {"Accept": OCI_MANIFEST}


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread. AssertionError if it does not finish in time."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("not after half a minute")


def tags_of(received: list[Received]) -> list[str]:
    return [one.event["target"].get("tag", "") for one in received]


def test_an_event_looks_like_the_captured_ones() -> None:
    with recording() as recorder:
        endpoint = RegistryNotifications(url=recorder.url, headers={"Authorization": "Bearer example-shared-token"})
        with local_registry(RegistrySettings(notifications=(endpoint,))) as (_, url):
            pushed = httpx.post(f"{url}/registry/push/team/app/1.0.0", json={"content": "one"}, verify=NO_TLS)
            digest = pushed.json()["digest"]
            (received,) = recorder.wait_for(bool)

    host = url.removeprefix("http://")
    event, target = received.event, received.event["target"]
    assert received.headers["content-type"] == "application/vnd.docker.distribution.events.v1+json"
    assert received.headers["authorization"] == "Bearer example-shared-token"
    assert received.body.startswith(b'{\n   "events": [\n      {\n         "id": "')
    assert list(event) == ["id", "timestamp", "action", "target", "request", "actor", "source"]
    assert (event["action"], event["request"]["host"], event["actor"]) == ("push", host, {})
    assert target == {
        "mediaType": OCI_MANIFEST,
        "size": target["size"],
        "digest": digest,
        "length": target["size"],
        "repository": "team/app",
        "url": f"{url}/v2/team/app/manifests/{digest}",
        "tag": "1.0.0",
    }


def test_blobs_children_pulls_and_deletes_have_events_where_nothing_is_ignored() -> None:
    with recording() as recorder:
        endpoint = RegistryNotifications(url=recorder.url, ignore_media_types=(), ignore_actions=())
        with local_registry(RegistrySettings(notifications=(endpoint,))) as (registry, url):
            digest = registry.push("team/app", "v1", content="one", platforms=["linux/amd64"])
            accept = {"Accept": "application/vnd.oci.image.index.v1+json"}
            unchanged = httpx.head(f"{url}/v2/team/app/manifests/v1", headers={"If-None-Match": digest}, verify=NO_TLS)
            shown = httpx.head(f"{url}/v2/team/app/manifests/v1", headers=accept, verify=NO_TLS)
            deleted = httpx.delete(f"{url}/v2/team/app/manifests/{digest}", verify=NO_TLS)
            received = recorder.wait_for(lambda received: len(received) == 7)

    assert (unchanged.status_code, shown.status_code, deleted.status_code) == (304, 200, 202)
    notified = [(one.event["action"], one.event["target"].get("tag")) for one in received]
    pushes = [("push", None), ("push", None), ("push", None), ("push", "v1")]
    assert notified == [*pushes, ("pull", "v1"), ("delete", None), ("delete", "v1")]
    assert received[-1].event["target"] == {"repository": "team/app", "tag": "v1"}
    assert received[-1].event["request"]["id"] == received[-2].event["request"]["id"]


def test_events_come_in_series_each_on_a_connection_of_its_own() -> None:
    with recording() as recorder:
        endpoint = RegistryNotifications(url=recorder.url)
        with local_registry(RegistrySettings(notifications=(endpoint,))) as (registry, _):
            for number in range(20):
                registry.push("team/app", f"v{number}", content=str(number))
            received = recorder.wait_for(lambda received: len(received) == 20)

    assert tags_of(received) == [f"v{number}" for number in range(20)]
    assert len({one.peer for one in received}) == 20


def test_a_refused_event_is_sent_again_unchanged_and_holds_up_those_behind_it() -> None:
    with recording(answers=[500, 400, 404, 401]) as recorder:
        endpoint = RegistryNotifications(url=recorder.url, threshold=2, backoff=0.1)
        with local_registry(RegistrySettings(notifications=(endpoint,))) as (registry, url):
            registry.push("team/app", "v1", content="one")
            registry.push("team/app", "v2", content="two")
            received = recorder.wait_for(lambda received: len(received) == 6)
            notified = httpx.get(f"{url}/registry/notifications", verify=NO_TLS).json()

    assert tags_of(received) == ["v1"] * 5 + ["v2"]
    assert len({one.body for one in received[:5]}) == 1
    pauses = [later.at - earlier.at for earlier, later in itertools.pairwise(received[:5])]
    assert min(pauses[1:]) >= 0.1, "back-off from the threshold on"
    assert notified["endpoints"][0]["failures"] == 4


def test_before_the_threshold_there_is_no_back_off() -> None:
    with recording(answers=[500]) as recorder:
        endpoint = RegistryNotifications(url=recorder.url, threshold=2, backoff=3600)
        with local_registry(RegistrySettings(notifications=(endpoint,))) as (registry, _):
            registry.push("team/app", "v1", content="one")
            received = recorder.wait_for(lambda received: len(received) == 2)
    assert tags_of(received) == ["v1", "v1"]


def test_events_wait_for_a_receiver_that_is_not_there_yet() -> None:
    with local_registry() as (registry, _):
        with recording() as recorder:
            gone = recorder.url
        sender = registry.notify(RegistryNotifications(url=gone, backoff=0.01, threshold=1))
        registry.push("team/app", "v1", content="one")
        registry.push("team/app", "v2", content="two")
        until(lambda: sender.failures >= 3)
        assert (sender.delivered, sender.pending) == (0, 2)


@pytest.mark.parametrize("way", ["python", "control", "client"])
def test_the_event_comes_before_the_tag(way: str) -> None:
    delay = 0.5
    with recording() as recorder:
        endpoint = RegistryNotifications(url=recorder.url)
        settings = RegistrySettings(notifications=(endpoint,))
        with local_registry(settings) as (registry, url):
            old = registry.push("team/app", "moving", content="old")
            registry.link_delay = delay
            pushed_at = time.time()
            if way == "python":
                new = registry.push("team/app", "moving", content="new")
            elif way == "control":
                pushed = httpx.post(f"{url}/registry/push/team/app/moving", json={"content": "new"}, verify=NO_TLS)
                new = pushed.json()["digest"]
            else:
                new = _put_again(url, registry.upload("team/app", "other", content="new"))
            received = recorder.wait_for(lambda all_: any(is_push_of(one, "moving", new) for one in all_))
            until(lambda: registry.history("team/app", "moving")[-1].digest == new)

    event_at = next(one.at for one in received if is_push_of(one, "moving", new))
    shown = registry.history("team/app", "moving")
    assert [row.digest for row in shown] == [old, new]
    assert shown[1].at - pushed_at >= delay - 0.01  # a busy machine only makes it later
    assert event_at < shown[1].at


def _put_again(url: str, digest: str) -> str:
    with httpx.Client(verify=NO_TLS, base_url=url, headers=ACCEPT) as client:
        manifest = client.get(f"/v2/team/app/manifests/{digest}")
        headers = {"Content-Type": manifest.headers["content-type"]}
        done = client.put("/v2/team/app/manifests/moving", content=manifest.content, headers=headers)
        assert done.status_code == 201
        assert client.head("/v2/team/app/manifests/moving").headers["docker-content-digest"] == digest
    return digest


def is_push_of(one: Received, tag: str, digest: str) -> bool:
    return (one.event["target"].get("tag"), one.event["target"].get("digest")) == (tag, digest)
