"""A Nomad under contract: its address, its images, and direct requests to it without a deployer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from app.adapters.nomad.http.job_ids import ends_as_endpoint
from app.domain.watch import JobPlace
from app.outbound.trust import shared_trust
from app.simulators.nomad import Fate, Simulator
from tests.servers.tiny_images import Behaviour

Json = dict[str, Any]
_TRUST = shared_trust(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """`host` is the registry in front of every image. `cannot_run` is why no allocation can start, or "".

    `simulator` is None for a real agent.
    """

    address: str
    host: str
    token: str = field(default="", repr=False)
    cannot_run: str = ""
    simulator: Simulator | None = None

    @property
    def is_real(self) -> bool:
        return self.simulator is None

    @property
    def version(self) -> tuple[int, ...]:
        """The version of the agent, as (2, 0, 6)."""
        text: str = self.call("GET", "/v1/agent/self").json()["config"]["Version"]["Version"]
        return tuple(int(part) for part in text.partition("-")[0].split("."))

    @property
    def checks_a_snapshot(self) -> bool:
        """Whether check-and-set can let two writers pass (docs/nomad.md, section 4)."""
        fixed = {(1, 10): 11, (1, 11): 5, (2, 0): 1}
        major, minor, patch = self.version[:3]
        return self.is_real and (major, minor) < (2, 1) and patch < fixed.get((major, minor), patch + 1)

    @property
    def has_acl(self) -> bool:
        """Whether ACLs are on; then our token may do everything."""
        headers = {"X-Nomad-Token": self.token}
        return (
            bool(self.token) and httpx.get(f"{self.address}/v1/acl/policies", headers=headers, verify=_TRUST).is_success
        )

    def image(self, behaviour: Behaviour, tag: str = "v1") -> str:
        """The image reference for a job with this behaviour."""
        return f"{self.host}/contract/{behaviour}:{tag}"

    def call(
        self, method: str, path: str, *, namespace: str = "default", json: object = None, **query: str
    ) -> httpx.Response:
        """One direct request. Raises AssertionError with Nomad's text for any other status than 200."""
        params = {"namespace": namespace, **query}
        headers = {"X-Nomad-Token": self.token} if self.token else {}
        reply = httpx.request(
            method,
            self.address + path,
            params=params,
            json=json,
            headers=headers,
            timeout=30,
            verify=_TRUST,
        )
        assert reply.status_code == 200, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply

    def register(self, job: Json, *, submission: Json | None = None) -> Json:
        """Register without check-and-set, as `nomad job run` does."""
        body = {"Job": job, **({"Submission": submission} if submission else {})}
        reply: Json = self.call("POST", "/v1/jobs", namespace=job.get("Namespace") or "default", json=body).json()
        return reply

    def read(self, place: JobPlace) -> Json:
        """The job as stored."""
        found: Json = self._of_job(place)
        return found

    def versions(self, place: JobPlace) -> list[Json]:
        """Newest first."""
        found: list[Json] = self._of_job(place, "/versions")["Versions"]
        return found

    def deployments(self, place: JobPlace) -> list[Json]:
        """Newest first."""
        found: list[Json] = self._of_job(place, "/deployments")
        return sorted(found, key=lambda each: each["CreateIndex"], reverse=True)

    def allocations(self, place: JobPlace) -> list[Json]:
        """Newest first."""
        found: list[Json] = self._of_job(place, "/allocations")
        return sorted(found, key=lambda each: each["CreateIndex"], reverse=True)

    def evaluations(self, place: JobPlace) -> list[Json]:
        found: list[Json] = self._of_job(place, "/evaluations")
        return found

    def source(self, place: JobPlace, version: int) -> Json | None:
        """The stored source of a version."""
        params = {"namespace": place.namespace, "version": str(version)}
        headers = {"X-Nomad-Token": self.token} if self.token else {}
        reply = httpx.get(
            f"{self.address}/v1/job/{quoted(place.job_id)}/submission",
            params=params,
            headers=headers,
            verify=_TRUST,
        )
        found: Json | None = reply.json() if reply.status_code == 200 else None
        return found

    def stop(self, place: JobPlace, *, purge: bool = False) -> None:
        if ends_as_endpoint(place.job_id):  # Nomad would take the end of the id for an endpoint
            self.register({**self.versions(place)[0], "Stop": True})
            return
        self.call("DELETE", f"/v1/job/{quoted(place.job_id)}", namespace=place.namespace, purge=str(purge).lower())

    def scale(self, place: JobPlace, group: str, count: int) -> None:
        """Set a count, as an autoscaler does."""
        path = f"/v1/job/{quoted(place.job_id)}/scale"
        body = {"Count": count, "Target": {"Group": group, "Job": place.job_id}, "Message": "contract"}
        self.call("POST", path, namespace=place.namespace, json=body)

    @contextmanager
    def slowed(self, seconds: float) -> Iterator[None]:
        """Inside, a simulated allocation takes this long to become healthy, or to complete. A real one takes its own
        time.
        """
        if self.simulator is None:
            yield
            return
        before = self.simulator.world.timing
        self.simulator.set_timing(replace(before, healthy=seconds, run=seconds))
        yield
        self.simulator.set_timing(before)

    @contextmanager
    def closed(self, key: str) -> Iterator[None]:
        """Inside, a job with the constraint `${meta.<key>} = open` cannot be placed until `open`."""
        if self.simulator is not None:
            self.simulator.judge(f"{self.host}/contract/", Fate.UNPLACEABLE)
            yield
            return
        try:
            yield
        finally:
            self._set_meta(key, None)

    def open(self, key: str) -> None:
        """Let the job be placed."""
        if self.simulator is not None:
            self.simulator.pardon(f"{self.host}/contract/")
        else:
            self._set_meta(key, "open")

    def _set_meta(self, key: str, value: str | None) -> None:
        for node in self.call("GET", "/v1/nodes").json():
            if node["Status"] == "ready":
                self.call("POST", "/v1/client/metadata", json={"NodeID": node["ID"], "Meta": {key: value}})

    def _of_job(self, place: JobPlace, what: str = "") -> Any:
        return self.call("GET", f"/v1/job/{quoted(place.job_id)}{what}", namespace=place.namespace).json()


def quoted(job_id: str) -> str:
    """Any name as one segment of a path."""
    return "".join(f"%{byte:02X}" for byte in job_id.encode())


@dataclass(slots=True, kw_only=True)
class Jobs:
    """The jobs of one test: with names of its own, all stopped at its end, and added to `left` for a later purge."""

    cluster: Cluster
    name: Callable[[], str]
    left: list[JobPlace]
    _running: list[JobPlace] = field(default_factory=list)

    def start(self, job: Json, *, submission: Json | None = None) -> JobPlace:
        """Register `job`, with a new id unless it has one. Returns its place."""
        job = {**job, "ID": job.get("ID") or self.name()}
        place = JobPlace(region="", namespace=job.get("Namespace") or "default", job_id=job["ID"])
        self._running.append(place)
        self.cluster.register({**job, "Name": job["ID"]}, submission=submission)
        return place

    def replace(self, place: JobPlace, job: Json) -> None:
        """Register another specification of the job, as a person does."""
        self.cluster.register({**job, "ID": place.job_id, "Name": place.job_id, "Namespace": place.namespace})

    def child(self, parent: JobPlace, job_id: str) -> JobPlace:
        """Add a launch or dispatch of one of these jobs; it is stopped too."""
        place = replace(parent, job_id=job_id)
        self._running.append(place)
        return place

    def gone(self, place: JobPlace) -> None:
        """Remove a purged job, which needs no stop."""
        self._running.remove(place)

    def stop_all(self) -> None:
        """Stop all jobs. They are not purged: a purge right after a registration crashed a real 1.11.3 server."""
        for place in self._running:
            self.cluster.stop(place)
        self.left += self._running
