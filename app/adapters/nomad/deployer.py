"""The Deployer port on Nomad. Calls block, so each runs in a thread of its own pool; waits hold no thread.

This module does not judge rollouts.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from app.adapters.nomad import refusals
from app.adapters.nomad.explain.diagnosis import diagnose
from app.adapters.nomad.follow.following import DeploymentProgress
from app.adapters.nomad.follow.job_changes import NomadJobChanges
from app.adapters.nomad.follow.promotion import Promotion
from app.adapters.nomad.follow.waiting import NomadWaits
from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.nomad.register.registration import Registration
from app.adapters.nomad.register.vault import VaultToken
from app.adapters.nomad.running import needs_evaluations, needs_versions, placement
from app.adapters.nomad.translate import job_state
from app.domain.deployment import Diagnosis, Snapshot, WaitIndex
from app.domain.job import JobPatch, JobState, Preview, Submission
from app.domain.watch import JobPlace
from app.errors import NomadUnavailable, RegistryWatcherError

# Nomad allows 100 connections for each address (docs/nomad.md, section 1). Four of our processes fit, each with these
# and the eight of http/polling.py.
_PARALLEL = 16

# What reading a part of an answer raises if the part has another type than Nomad gives it, or is missing.
_MISSHAPEN = (AttributeError, ArithmeticError, LookupError, TypeError, ValueError)

_T = TypeVar("_T")

log = structlog.get_logger()


class NomadDeployer:
    """Reads and changes jobs of one Nomad. Raises ConfigError at once for a connection that can never work.

    A cancelled call continues in its thread until its timeout. A write may still be applied; `recover` finds out.
    """

    def __init__(self, connection: NomadConnection) -> None:
        access = NomadAccess(connection)
        self._client = NomadClient(access)
        self._registration = Registration(self._client, VaultToken(connection.vault_token, self._client))
        self._following = DeploymentProgress(self._client)
        self._promotion = Promotion(self._client)
        self._waiting = NomadWaits(access)
        self.job_changes = NomadJobChanges(access)
        self._threads = ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="nomad")

    async def inspect(self, place: JobPlace) -> JobState | None:
        """The job as it is now, or None when it is not there.

        Three reads; the versions and the evaluations too, if something else runs than what the job specifies.
        """
        return await self._reading(lambda: self._inspect(place))

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        """What registering the patch would change; see app/ports.py."""
        return await self._reading(lambda: self._registration.preview(place, patch))

    async def cautions(self) -> tuple[str, ...]:
        """Warnings at start: a token that may do more than it should. None where Nomad does not describe the token."""
        about = await self._in_thread(self._client.own_token)
        return (refusals.management_token(),) if about and about.get("Type") == "management" else ()

    async def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        """Register the patch by check-and-set; see app/ports.py."""
        return await self._in_thread(lambda: self._registration.submit(place, patch))

    async def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        """Find out what became of a patch whose answer was lost; see app/ports.py."""
        return await self._in_thread(lambda: self._registration.recover(place, patch))

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        """Take one snapshot: up to five reads, at most one while the known deployment goes well; see app/ports.py."""
        just_read = self._waiting.just_read(place, deployment_id)
        return await self._reading(
            lambda: self._following.observe(place, submission, deployment_id=deployment_id, just_read=just_read)
        )

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """Wait for a change by blocking queries on this event loop, not in a thread; see app/ports.py."""
        await self._waiting.wait_for_change(place, wait_index, within=within)

    async def find_auto_revert(self, place: JobPlace, submission: Submission) -> Submission | None:
        """What Nomad's auto-revert registered after our failed registration; see app/ports.py."""
        return await self._reading(lambda: self._following.find_auto_revert(place, submission))

    async def find_successor(self, place: JobPlace, submission: Submission, patch: JobPatch) -> Submission | None:
        """The registration of somebody else that carries our images; see app/ports.py."""
        return await self._reading(lambda: self._following.find_successor(place, submission, patch))

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        """Why our registration does not run, with logs as far as the token may read; see app/ports.py."""
        return await self._reading(lambda: diagnose(self._client, place, submission))

    async def promote(self, place: JobPlace, deployment_id: str) -> None:
        """Promote all canaries; see app/ports.py."""
        await self._in_thread(lambda: self._promotion.promote(place, deployment_id))

    async def fail(self, place: JobPlace, deployment_id: str) -> None:
        """Mark the deployment as failed; see app/ports.py."""
        await self._in_thread(lambda: self._promotion.fail(place, deployment_id))

    async def aclose(self) -> None:
        """Wait for calls under way (each ends by its timeout) and close the connections."""
        await self._waiting.aclose()
        await self.job_changes.aclose()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._client.close()

    async def _reading(self, call: Callable[[], _T]) -> _T:
        """Call what only reads: an answer whose parts are not in Nomad's form is no answer.

        A write is not caught here: the services know of each error that it may have been applied.
        """
        try:
            return await self._in_thread(call)
        except RegistryWatcherError:
            raise
        except _MISSHAPEN as error:
            log.exception("nomad.misshapen", problem=repr(error)[:200])
            raise NomadUnavailable(refusals.misshapen(self._client.origin, error)) from error

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _inspect(self, place: JobPlace) -> JobState | None:
        job = self._client.job(place)
        if job is None:
            return None
        # After the job: a newer registration in between shows as a version that it does not specify.
        allocations = self._client.of_job(place, "allocations")
        versions = self._client.versions(place) if needs_versions(job, allocations) else ()
        evaluations = self._client.of_job(place, "evaluations") if needs_evaluations(job, allocations) else ()
        runs = placement(job, allocations, versions, evaluations)
        return job_state(job, self._client.of_job(place, "deployments"), runs)
