"""Given Nomad refuses or hangs, then every process knows it within ten seconds, once for all jobs, and takes it back.

The real processes, with Nomad behind a proxy that misbehaves.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.queries import PostgresQueries
from app.services.views.queries import WatchView
from app.simulators.registry.faults import FaultAnswer, RegistryFault
from tests.cluster import Cluster, Process, cluster, until
from tests.faults.delivery_sender import answering
from tests.faults.statements import job_index, jobs_that_rest
from tests.machine_load import machine
from tests.servers.no_tls import NO_TLS
from tests.servers.toxic import ToxicProxy

NAMES = [f"r{number:02}" for number in range(20)]
KNOWN_WITHIN = 10.0
BACK_WITHIN = 5.0
CHANGE_WITHIN = 10.0  # of a takeover: the lease, and a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Processes at rest, and the proxies in front of Nomad and of the registry."""

    ours: Cluster
    nomad: ToxicProxy
    queries: PostgresQueries
    database: Database

    async def outages(self) -> list[str]:
        """What every page and /readyz say: the parts that are away."""
        return [each.name for each in await self.queries.outages()]

    async def states(self) -> list[tuple[str, str]]:
        """What the rows say."""
        return [(each.name, _state(each)) for each in await self.queries.watches()]

    async def index_read(self, name: str) -> int:
        async with self.database.connection() as connection:
            return await job_index(connection, name)

    def lines(self, event: str) -> dict[str, int]:
        """How often each process logged this event about Nomad."""
        return {
            process.name: sum(
                event in line and "Nomad" in line for line in process.log.read_text(errors="replace").splitlines()
            )
            for process in self.ours.processes
            if process.name.partition("-")[0] in ("worker", "poller", "web")
        }


def _state(watch: WatchView) -> str:
    decision = watch.decision.message if watch.decision else ""
    return f"{decision} {watch.job_outage}"


@asynccontextmanager
async def at_rest(
    directory: Path, *, database_url: str, redis_url: str, pollers: int = 1, settings: str = 'poll_interval = "1h"'
) -> AsyncIterator[Setup]:
    """Web, two workers and pollers, with a proxy in front of Nomad, once every job was read and is followed."""
    with cluster(directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=settings) as ours:
        async with ToxicProxy(ours.env["NOMAD_ADDR"]) as nomad:
            ours.env = {**ours.env, "NOMAD_ADDR": nomad.url}
            for kind in ("web", "worker", "worker", *["poller"] * pollers):
                ours.start(kind)
            await answering(ours)
            database = Database(database_url, size=3)

            async def rests() -> bool:
                async with database.connection() as connection:
                    return await jobs_that_rest(connection) == len(NAMES)

            try:
                await until(rests, "every job is read and followed", within=60)
                yield Setup(ours=ours, nomad=nomad, queries=PostgresQueries(database), database=database)
            finally:
                await database.close()
            ours.stop()  # before the proxy, which they still use


def refuse(setup: Setup) -> Callable[[], None]:
    setup.nomad.refuse = True
    setup.nomad.cut()

    def back() -> None:
        setup.nomad.refuse = False

    return back


def hang(setup: Setup) -> Callable[[], None]:
    setup.nomad.black_hole = True

    def back() -> None:
        setup.nomad.black_hole = False

    return back


def both(setup: Setup) -> Callable[[], None]:
    """The registry fails too, so that nothing else would ask Nomad."""
    setup.ours.registry.faults.add(RegistryFault(path="/v2/.*", action=FaultAnswer(status=503), times=100_000))
    back = hang(setup)

    def both_back() -> None:
        setup.ours.registry.faults.clear()
        back()

    return both_back


@pytest.mark.parametrize("fails", [refuse, hang, both])
async def test_nomad_away_is_known_everywhere_and_taken_back(
    server_directory: Path, database_url: str, redis_url: str, fails: Callable[[Setup], Callable[[], None]]
) -> None:
    async with at_rest(
        server_directory, database_url=database_url, redis_url=redis_url, settings='poll_interval = "2s"'
    ) as setup:
        states = await setup.states()
        with machine() as busy:
            began = time.monotonic()
            back = fails(setup)

            async def is_known() -> bool:
                return "Nomad" in await setup.outages()

            await until(is_known, "Nomad is away", within=30)
            known = time.monotonic() - began
            assert "Nomad" in str(await _readiness(setup))
            await asyncio.sleep(3.0)  # polls go on meanwhile
            if fails is not both:
                assert await setup.states() == states, "the rows keep their last state"
            began = time.monotonic()
            back()

            async def is_back() -> bool:
                return "Nomad" not in await setup.outages()

            await until(is_back, "Nomad is back", within=30)
            taken_back = time.monotonic() - began
            stretch = busy.stretch
        print(f"{fails.__name__}: known after {known:.1f} s, taken back after {taken_back:.1f} s")
        assert known <= KNOWN_WITHIN * stretch
        assert taken_back <= BACK_WITHIN * stretch
        await until(
            lambda: set(setup.lines("outage.ended").values()) == {1}, lambda: setup.lines("outage.ended"), within=10
        )
        assert set(setup.lines("outage.began").values()) == {1}, "one line from every process"
        assert all(count <= 3 for count in setup.lines("").values()), setup.lines("")


async def _readiness(setup: Setup) -> Any:
    async with httpx.AsyncClient(verify=NO_TLS) as client:
        return (await client.get(f"{setup.ours.webs[0]}/readyz")).json()


async def test_a_frozen_poller_is_replaced_and_writes_nothing_when_it_wakes(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    async with at_rest(server_directory, database_url=database_url, redis_url=redis_url, pollers=2) as setup:
        pollers = [each for each in setup.ours.processes if each.name.startswith("poller")]
        (holder,) = [each for each in pollers if "jobs.followed" in each.log.read_text()]
        holder.signal(signal.SIGSTOP)
        took = await _seen(setup, "r00", "v0.9.0")
        assert took <= CHANGE_WITHIN
        holder.signal(signal.SIGCONT)
        assert await _seen(setup, "r01", "v0.9.0") <= 2.0
        (other,) = [each for each in pollers if each is not holder]
        other.kill()
        assert await _seen(setup, "r02", "v0.9.0") <= CHANGE_WITHIN
        assert _fell(holder) == ""


async def _seen(setup: Setup, name: str, tag: str) -> float:
    """Change the image by hand; how long it takes until the job is read."""
    nomad, began = setup.ours.nomad, time.monotonic()
    nomad.set_image(name, group="app", task="server", image=f"{setup.ours.host}/team/{name}:{tag}")
    index = int(nomad.job(name)["JobModifyIndex"])

    async def is_read() -> bool:
        return await setup.index_read(name) >= index

    await until(is_read, f"{name} is read", within=40)
    return time.monotonic() - began


def _fell(process: Process) -> str:
    return "" if process.running else process.name


async def test_a_job_that_is_registered_late_is_seen_at_once(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    async with at_rest(server_directory, database_url=database_url, redis_url=redis_url) as setup:
        nomad = setup.ours.nomad
        job = nomad.job("r05")
        nomad.stop("r05", purge=True)

        async def is_gone() -> bool:
            return await setup.index_read("r05") == 0

        await until(is_gone, "the purge is seen", within=5)
        await asyncio.sleep(2.0)
        began = time.monotonic()
        nomad.seed(job)
        index = int(nomad.job("r05")["JobModifyIndex"])

        async def is_read() -> bool:
            return await setup.index_read("r05") >= index

        await until(is_read, "it is there", within=20)
        assert time.monotonic() - began <= 2.0
