"""The real agent: whether containers can start on it, and the cleanup after the tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from uuid import uuid4

from app.domain.watch import JobPlace
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.jobs import batch
from tests.servers.tiny_images import Behaviour, tiny_images

_PROBE_SECONDS = 40
_QUIET_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """`left` are the stopped jobs to purge at the end; `namespaces` are deleted after them."""

    cluster: Cluster
    left: list[JobPlace] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)


@contextmanager
def opened(address: str, token: str) -> Iterator[Agent]:
    """The agent, and a registry of tiny images on this machine. Stopped jobs are purged at the end."""
    with tiny_images() as images:
        bare = Cluster(address=address, token=token, host=images.host)
        left: list[JobPlace] = []
        made = Agent(cluster=replace(bare, cannot_run=_why_nothing_runs(bare, left)), left=left)
        yield made
        for place in made.left:
            _purge(made.cluster, place)
        for namespace in made.namespaces:
            made.cluster.call("DELETE", f"/v1/namespace/{namespace}")


def _why_nothing_runs(cluster: Cluster, left: list[JobPlace]) -> str:
    """Run one tiny image. Returns "" if it completed, or else the reason why not."""
    try:
        nodes = cluster.call("GET", "/v1/nodes").json()
    except AssertionError as refused:
        raise RuntimeError(f"{refused}; with ACLs on, give a management token in NOMAD_TOKEN") from refused
    drivers = [node["Drivers"].get("docker") or {} for node in nodes if node["Status"] == "ready"]
    if not any(driver.get("Healthy") for driver in drivers):
        return f"{cluster.address} has no ready node with a healthy docker driver: start dockerd beside the agent"
    jobs = Jobs(cluster=cluster, name=lambda: f"contract-probe-{uuid4().hex[:8]}", left=left)
    place = jobs.start(batch(cluster.image(Behaviour.FINISHES)))
    try:
        return _outcome(cluster, place)
    finally:
        jobs.stop_all()


def _outcome(cluster: Cluster, place: JobPlace) -> str:
    until = time.monotonic() + _PROBE_SECONDS
    output = "it was not placed"
    while time.monotonic() < until:
        for allocation in cluster.allocations(place):
            states = (allocation["TaskStates"] or {}).values()
            output = next((event["DisplayMessage"] for state in states for event in state["Events"][-2:]), "it waits")
            if allocation["ClientStatus"] == "complete":
                return ""
            if allocation["ClientStatus"] == "failed":
                return f"{cluster.address} cannot run an image from this machine's registry: {output}"
        time.sleep(0.2)
    return f"{cluster.address} did not run an image of this machine's registry within {_PROBE_SECONDS} s: {output}"


def _purge(cluster: Cluster, place: JobPlace) -> None:
    """Purge a stopped job after the end of its evaluations, not earlier."""
    until = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < until:
        if all(each["Status"] != "pending" for each in cluster.evaluations(place)):
            with suppress(AssertionError):  # somebody else purged it
                cluster.stop(place, purge=True)
            return
        time.sleep(0.1)
