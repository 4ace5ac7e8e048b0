"""Given real processes, when work does not move or Postgres cannot store, then /readyz shows it within ten seconds.

Once the cause is gone, everything becomes ready again by itself.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from app.local.postgres import EmbeddedPostgres
from tests.cluster import Cluster, cluster, until
from tests.faults import statements
from tests.faults.arrival import WITHIN
from tests.faults.delivery_sender import DeliverySender, body
from tests.faults.oracle import Shown
from tests.faults.site import site
from tests.processes import Process
from tests.servers.postgres import migrate

NAMES = [f"r{number:02}" for number in range(8)]


@pytest.fixture
def ours(server_directory: Path, database_url: str, redis_url: str) -> Iterator[Cluster]:
    with _cluster(server_directory, database_url, redis_url) as made:
        yield made


@contextmanager
def _cluster(directory: Path, database_url: str, redis_url: str) -> Iterator[Cluster]:
    settings = 'poll_interval = "1h"'
    with cluster(directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=settings) as made:
        yield made


async def test_readyz_shows_a_missing_and_a_frozen_worker(ours: Cluster, database_url: str) -> None:
    async with site(ours, "web", "worker", "poller") as here, DeliverySender(ours) as sender:
        web, worker = ours.processes[0], ours.processes[1]
        connection = await asyncpg.connect(database_url)
        assert await statements.process_kinds(connection) == ["poller", "web", "worker"]

        worker.terminate()
        await asyncio.to_thread(worker.popen.wait, 20)
        assert await statements.process_kinds(connection) == ["poller", "web"]
        for name in NAMES:
            await sender.push(name, "v1.1.0", f"{name} second")
        assert set(sender.statuses) == {202}

        async def shown(message: str) -> bool:
            return any(message in each for each in await here.outages(web.name))

        await here.until(lambda: shown("worker: no worker is running: 8 jobs due"), "no worker", within=WITHIN)
        assert await shown("start `registrywatcher worker`")
        page = (await here.client.get(web.url, headers={"Accept": "text/html"})).text
        assert "no worker is running" in page

        first, second = here.start("worker"), here.start("worker")
        await here.all_ready()
        await here.until(lambda: statements.all_beat_since(connection, "worker"), "heartbeats", within=WITHIN)

        first.signal(signal.SIGSTOP)
        await here.until(lambda: shown(f": process {first.popen.pid} on "), "frozen", within=WITHIN)
        assert not await shown("no worker is running")
        await sender.push(NAMES[0], "v1.2.0", "third")
        await until(lambda: _deployed(ours, NAMES[0], "v1.2.0"), "the other one works", within=120)
        first.signal(signal.SIGCONT)
        assert second.running
        await here.all_ready()
        await connection.close()


async def test_readyz_shows_a_missing_poller_once_polls_are_late(ours: Cluster, database_url: str) -> None:
    async with site(ours, "web", "worker") as here:
        connection = await asyncpg.connect(database_url)
        await statements.make_polls_late(connection)

        async def shown() -> bool:
            return any("poller: no poller is running: 8 jobs to poll" in each for each in await here.outages("web-1"))

        await here.until(shown, "no poller", within=WITHIN)
        here.start("poller")
        await here.all_ready()
        await connection.close()


async def test_readyz_shows_a_read_only_database_until_it_recovers(ours: Cluster, database_url: str) -> None:
    async with site(ours, "web", "worker", "poller") as here, DeliverySender(ours) as sender:
        connection = await asyncpg.connect(database_url)
        await statements.make_read_only(connection, database_url, on=True)
        await statements.end_sessions(connection)
        await here.unready("make it writable again")
        unreal = Shown(tag="v0.0.1", digest="sha256:" + "0" * 64)
        for _ in range(20):
            await sender.post(body(ours, NAMES[0], unreal.tag, unreal.digest))
        assert set(sender.statuses) == {503}

        # Open sessions keep the setting of their start, so the test ends them.
        await statements.make_read_only(connection, database_url, on=False)
        await here.all_ready()
        await sender.push(NAMES[0], "v1.1.0", "second")
        await until(lambda: _deployed(ours, NAMES[0], "v1.1.0"), "work goes on", within=120)
        await connection.close()


async def test_readyz_shows_errors_of_every_loop_until_they_end(ours: Cluster, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    async with site(ours, "web", "worker", "poller") as here, DeliverySender(ours) as sender:
        for number, state in enumerate(("55P03", "53100", "23505"), start=1):
            await statements.raise_error(connection, state)
            await here.unready("sweep", "made up", within=2 * WITHIN)
            tag = f"v1.{number}.0"
            await sender.push(NAMES[0], tag, state)
            await statements.stop_raising(connection)
            await here.all_ready()
            await until(partial(_deployed, ours, NAMES[0], tag), "work goes on", within=120)
            for process in ours.processes:  # one that was late by less than a process may be recovers after all_ready
                await here.until(
                    partial(_said, process, failed=number, recovered=number), f"{process.name} said so", within=WITHIN
                )
    await connection.close()


def _said(process: Process, *, failed: int, recovered: int) -> bool:
    """Whether its log says so many times that its sweep failed, and recovered; more often is an error."""
    lines = [line for line in process.log.read_text().splitlines() if '"loop":"sweep"' in line]
    failures, ends = (sum(event in line for line in lines) for event in ("loop.failed", "loop.recovered"))
    assert failures <= failed, lines
    assert ends <= recovered, lines
    return (failures, ends) == (failed, recovered)


@pytest.mark.parametrize(
    ("event", "guard", "step"),
    [
        ("INSERT ON decisions", "true", "reconcile"),
        ("UPDATE ON rollouts", "NEW.ended_at IS NOT NULL", "follow"),
    ],
    ids=["reconcile", "follow"],
)
async def test_readyz_shows_a_step_that_always_fails_until_it_succeeds(
    ours: Cluster, database_url: str, event: str, guard: str, step: str
) -> None:
    """An error of our own, as 22000 means: each attempt takes the lease of its row, which never waits for long."""
    async with site(ours, "web", "worker", "poller") as here, DeliverySender(ours) as sender:
        web, worker = ours.processes[0], ours.processes[1]
        connection = await asyncpg.connect(database_url)
        await statements.raise_error(connection, "22000", event=event, guard=guard, each="ROW")
        await sender.push(NAMES[0], "v1.1.0", "second")
        # A reconcile that nobody foresaw to fail is an outage of its target; another step is one of its process.
        of_target = ("registrywatcher: ", "an unforeseen error", "made up")
        of_process = (f"worker: process {worker.popen.pid} on ", f": {step} ", "this is a bug of registrywatcher")
        message = of_target if step == "reconcile" else of_process

        async def shown() -> bool:
            return any(all(part in each for part in message) for each in await here.outages(web.name))

        await here.until(shown, "the step fails", within=2 * WITHIN)
        assert (await here.answer_of(worker.name, "/healthz"))[0] == 200
        await statements.stop_raising(connection)
        await until(lambda: _deployed(ours, NAMES[0], "v1.1.0"), "the push is deployed", within=120)
        await here.all_ready()
        await connection.close()


async def test_webhooks_get_202_or_503_while_all_sessions_are_ended(ours: Cluster, database_url: str) -> None:
    async with site(ours, "web", "worker", "poller") as here, DeliverySender(ours) as sender:
        connection = await asyncpg.connect(database_url)
        unreal = Shown(tag="v0.0.1", digest="sha256:" + "0" * 64)
        posting = [
            asyncio.create_task(_post(sender, body(ours, name, unreal.tag, unreal.digest), times=40)) for name in NAMES
        ]
        while not all(task.done() for task in posting):
            await statements.end_sessions(connection)
            await asyncio.sleep(0.01)
        assert len(sender.statuses) == 40 * len(NAMES)
        assert set(sender.statuses) <= {202, 503}
        await here.all_ready()
        await connection.close()


async def test_readyz_shows_a_frozen_postgres_until_it_recovers(
    server_directory: Path, private_postgres: EmbeddedPostgres, redis_url: str
) -> None:
    await asyncio.to_thread(migrate, private_postgres.url)
    with _cluster(server_directory, private_postgres.url, redis_url) as ours:
        async with site(ours, "web", "worker", "poller") as here:
            connection = await asyncpg.connect(private_postgres.url)
            backends = await statements.backend_pids(connection)
            private_postgres.signal(signal.SIGSTOP)
            for pid in backends:
                os.kill(pid, signal.SIGSTOP)
            try:
                await here.unready()
            finally:
                for pid in backends:
                    os.kill(pid, signal.SIGCONT)
                private_postgres.signal(signal.SIGCONT)
            await here.all_ready()
            await connection.close()


async def _post(sender: DeliverySender, delivery: bytes, *, times: int) -> None:
    for _ in range(times):
        await sender.post(delivery)


def _deployed(ours: Cluster, name: str, tag: str) -> bool:
    image: str = ours.nomad.job(name)["TaskGroups"][0]["Tasks"][0]["Config"]["image"]
    return f":{tag}@" in image
