"""Given a hundred jobs, then what others do in Nomad is on an open page in two seconds, and rest costs nothing.

A thousand in the long tier. The real processes and a browser; the simulator's ledger counts the requests.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from app.adapters.postgres.database.pool import Database
from tests.cluster import Cluster, cluster, until
from tests.faults.delivery_sender import answering
from tests.faults.sizes import moves
from tests.faults.statements import job_index, jobs_that_rest
from tests.machine_load import machine
from tests.ui.browsing import browsing
from tests.ui.controls import seen

JOBS = moves(ci=100, long=1000)
ROUNDS = moves(ci=20, long=50)
WITHIN = 2.0  # seconds from the change in Nomad to the open page, on an idle machine
REST = 30.0  # seconds for which requests are counted
NAMES = [f"job-{number:04}" for number in range(JOBS)]
SHOWN = [name for name in NAMES if "job-00" in name]  # a page of the list


@pytest.fixture
def ours(server_directory: Path, database_url: str, redis_url: str) -> Iterator[Cluster]:
    with cluster(
        server_directory,
        database_url=database_url,
        redis_url=redis_url,
        names=NAMES,
        settings='poll_interval = "1h"\njob_reread_interval = "10s"',
    ) as made:
        yield made


@asynccontextmanager
async def at_rest(ours: Cluster, database_url: str) -> AsyncIterator[None]:
    """One web, two workers and two pollers, once every job was read and is followed."""
    for kind in ("web", "worker", "worker", "poller", "poller"):
        ours.start(kind)
    await answering(ours)
    database = Database(database_url, size=2)

    async def all_read() -> bool:
        async with database.connection() as connection:
            return await jobs_that_rest(connection) == JOBS

    async def first_is_read() -> bool:
        async with database.connection() as connection:
            return await job_index(connection, NAMES[0]) >= int(ours.nomad.job(NAMES[0])["JobModifyIndex"])

    try:
        await until(all_read, "every job is read and followed", within=180)
        # The start left a thousand messages in the queue, some of them twice: the first change waits behind them.
        ours.nomad.change_by_another(NAMES[0])
        await until(first_is_read, "the queue of the start is done", within=60)
        yield
    finally:
        await database.close()


async def test_what_others_do_is_on_an_open_page_within_two_seconds_and_rest_costs_nothing(
    ours: Cluster, database_url: str, chromium: Browser
) -> None:
    async with at_rest(ours, database_url), browsing(chromium, ours.webs[0]) as browser:
        page = browser.page
        await page.goto("/?text=job-00")
        await expect(page.locator("#live")).to_have_text("Live")
        await expect(page.locator("[data-watch]")).to_have_count(len(SHOWN))
        order = random.Random(1)
        took = []
        with machine() as busy:
            for number, name in enumerate(order.sample(SHOWN, ROUNDS)):
                await asyncio.sleep(order.random() / 5)
                took.append(await _change(ours, page, number, name))
            stretch = busy.stretch
        print(f"{ROUNDS} changes seen after {sorted(took)[ROUNDS // 2]:.2f} s, at most {max(took):.2f} s")
        assert max(took) <= WITHIN * stretch, (took, stretch)

        await asyncio.sleep(3.5)  # the last change may be read once more for its allocations
        ours.nomad.ledger.clear()
        await asyncio.sleep(REST)
        requests = ours.nomad.ledger.requests - ours.nomad.ledger.waits
        assert requests.total() <= 2 * REST / 60, requests
        assert ours.nomad.ledger.waits["GET /v1/namespace/:id"] >= REST / 5


async def _change(ours: Cluster, page: Page, number: int, name: str) -> float:
    """One change by somebody else: a stop, an image or a scale; returns the seconds until the page shows it."""
    nomad, began = ours.nomad, time.time()
    if number % 3 == 0:
        nomad.stop(name)
        words = "is stopped"
    elif number % 3 == 1:
        nomad.set_image(name, group="app", task="server", image=f"{ours.host}/team/{name}:v0.9.0")
        words = "v0.9.0"
    else:
        nomad.scale(name, count=3)
        words = "×3"
    async with asyncio.timeout(20):
        return await seen(page, name, words) - began
