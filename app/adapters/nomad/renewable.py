"""The Deployer port on a Nomad whose connection may change while the process runs: a rotated token, another address.

New calls use the new connection. Calls under way end on the old one, which is closed after the last of them.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from app.adapters.nomad.deployer import NomadDeployer
from app.adapters.nomad.http.connection import NomadConnection
from app.domain.deployment import Diagnosis, Snapshot, WaitIndex
from app.domain.job import JobPatch, JobState, Preview, Submission
from app.domain.job_change import JobList, Namespace
from app.domain.watch import JobPlace
from app.errors import NomadUnavailable
from app.ports import ChangeBatch


class RenewableDeployer:
    """A NomadDeployer that is replaced as a whole. Raises ConfigError at once for a connection that can never work."""

    def __init__(self, connection: NomadConnection) -> None:
        self._held = _Held(connection)
        self._before: dict[_Held, asyncio.Task[None]] = {}

    def renew(self, connection: NomadConnection) -> bool:
        """Use this connection from now on; False when it is the one in use. Raises ConfigError, and changes nothing."""
        if connection == self._held.connection:
            return False
        before, self._held = self._held, _Held(connection)
        self._before[before] = asyncio.create_task(self._end(before))
        return True

    async def inspect(self, place: JobPlace) -> JobState | None:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.inspect(place)

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.preview(place, patch)

    async def cautions(self) -> tuple[str, ...]:
        """Warnings: a token that may do more than it should."""
        async with self._held.in_use() as deployer:
            return await deployer.cautions()

    async def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.submit(place, patch)

    async def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.recover(place, patch)

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.observe(place, submission, deployment_id=deployment_id)

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """See app/ports.py. A wait ends when the connection is renewed; the caller then takes a new snapshot."""
        held = self._held
        async with held.in_use() as deployer:
            moving = asyncio.create_task(deployer.wait_for_change(place, wait_index, within=within))
            waits = (moving, asyncio.create_task(held.renewed.wait()))
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if moving in done:
                    await moving  # an error must not pass for a change: the caller would come back at once
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)

    async def batches(self, namespace: Namespace, *, since: int) -> AsyncGenerator[ChangeBatch, None]:
        """See app/ports.py. The stream ends when the connection is renewed."""
        held = self._held
        async with held.in_use() as deployer, aclosing(deployer.job_changes.batches(namespace, since=since)) as batches:
            renewed = asyncio.create_task(held.renewed.wait())
            following = asyncio.create_task(_next(batches))
            try:
                while True:
                    await asyncio.wait((following, renewed), return_when=asyncio.FIRST_COMPLETED)
                    if renewed.done():
                        raise NomadUnavailable("Nomad's connection was replaced; its events are asked for again")
                    batch = await following
                    following = asyncio.create_task(_next(batches))
                    yield batch
            finally:
                for task in (following, renewed):
                    task.cancel()
                await asyncio.gather(following, renewed, return_exceptions=True)

    async def listed(self, namespace: Namespace) -> JobList:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.job_changes.listed(namespace)

    async def sign_of_life(self, namespace: Namespace, *, index: int) -> int:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.job_changes.sign_of_life(namespace, index=index)

    async def find_auto_revert(self, place: JobPlace, submission: Submission) -> Submission | None:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.find_auto_revert(place, submission)

    async def find_successor(self, place: JobPlace, submission: Submission, patch: JobPatch) -> Submission | None:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.find_successor(place, submission, patch)

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            return await deployer.diagnose(place, submission)

    async def promote(self, place: JobPlace, deployment_id: str) -> None:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            await deployer.promote(place, deployment_id)

    async def fail(self, place: JobPlace, deployment_id: str) -> None:
        """See app/ports.py."""
        async with self._held.in_use() as deployer:
            await deployer.fail(place, deployment_id)

    async def aclose(self) -> None:
        """Wait for calls under way, those by earlier connections included, and close every connection."""
        ending = list(self._before.values())
        for task in ending:
            task.cancel()  # all callers have stopped by now
        await asyncio.gather(*ending, return_exceptions=True)
        for held in (*self._before, self._held):
            await held.deployer.aclose()

    async def _end(self, held: "_Held") -> None:
        """End the waits, let the calls under way end by themselves, then close."""
        held.renewed.set()
        await held.idle.wait()
        await held.deployer.aclose()
        del self._before[held]


async def _next(batches: AsyncGenerator[ChangeBatch, None]) -> ChangeBatch:
    """The next batch, as a coroutine: a task cannot be made of anything else."""
    return await anext(batches)


class _Held:
    """One deployer, the number of calls under way on it, and whether it was replaced."""

    def __init__(self, connection: NomadConnection) -> None:
        self.connection = connection
        self.deployer = NomadDeployer(connection)
        self.renewed = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._calls = 0

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[NomadDeployer]:
        """The deployer, which is not closed before the block ends."""
        self._calls += 1
        self.idle.clear()
        try:
            yield self.deployer
        finally:
            self._calls -= 1
            if not self._calls:
                self.idle.set()
