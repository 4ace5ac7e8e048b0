"""The Deployer port on Nomad. Calls block, so each runs in a thread of our own; it must not judge what it sees."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.adapters.nomad.client import NomadClient
from app.adapters.nomad.connection import NomadConnection
from app.adapters.nomad.registration import Registration
from app.adapters.nomad.snapshot import Sighting, snapshot
from app.adapters.nomad.translate import job_state, launches_later
from app.adapters.nomad.vault import VaultToken
from app.domain.job import Diagnosis, JobState, Order, Snapshot, Submission
from app.domain.watch import JobPlace

# Nomad cuts an address off at 100 connections: four processes of ours fit beside each other.
_PARALLEL = 24

_T = TypeVar("_T")


class NomadDeployer:
    """Reads and changes jobs of one Nomad. Raises ConfigError at once for a connection that can never work.

    A cancelled call goes on in its thread to its timeout: a write may still be applied, which `recover` tells.
    """

    def __init__(self, connection: NomadConnection) -> None:
        self._client = NomadClient(connection)
        self._registration = Registration(self._client, VaultToken(connection.vault_token, self._client))
        self._threads = ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="nomad")

    async def inspect(self, place: JobPlace) -> JobState | None:
        """The job as it is now, or None when it is not there: two reads."""
        return await self._in_thread(lambda: self._inspect(place))

    async def submit(self, place: JobPlace, order: Order) -> Submission:
        """Register the order by check-and-set; see app/ports.py."""
        return await self._in_thread(lambda: self._registration.submit(place, order))

    async def recover(self, place: JobPlace, order: Order) -> Submission | None:
        """What became of an order whose answer was lost; see app/ports.py."""
        return await self._in_thread(lambda: self._registration.recover(place, order))

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        """Why our registration does not run; see app/ports.py."""
        return Diagnosis(findings=(await self.observe(place, submission)).failures)

    async def returned(self, place: JobPlace, submission: Submission) -> Submission | None:
        """What auto-revert registered; see app/ports.py."""
        return None

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        """One short look: up to five reads, none of which waits."""
        return await self._in_thread(lambda: self._observe(place, submission))

    async def aclose(self) -> None:
        """Wait for calls under way (each ends by its timeout) and close the connections."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._client.close()

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _inspect(self, place: JobPlace) -> JobState | None:
        job = self._client.job(place)
        return None if job is None else job_state(job, self._client.of_job(place, "deployments"))

    def _observe(self, place: JobPlace, submission: Submission) -> Snapshot:
        job = self._client.job(place)
        if job is None:
            return Snapshot(present=False)
        if launches_later(job):
            return snapshot(Sighting(job=job), submission)
        moved_on = job["JobModifyIndex"] != submission.index
        # Evaluations first: once ours is complete, its deployment is there to be read.
        evaluations = self._client.of_job(place, "evaluations")
        seen = Sighting(
            job=job,
            evaluations=evaluations,
            deployments=self._client.of_job(place, "deployments"),
            allocations=self._client.of_job(place, "allocations"),
            versions=self._client.versions(place) if moved_on else (),
        )
        return snapshot(seen, submission)
