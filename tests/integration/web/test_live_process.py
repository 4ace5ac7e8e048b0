"""Open streams of a real web process: what changes in Postgres arrives, and they do not hold up its end."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.adapters.postgres.database.pool import Database
from tests.integration.web.test_web_process import CONFIG, NOWHERE
from tests.processes import Processes, environment, until
from tests.servers.no_tls import NO_TLS


@pytest.fixture
def processes(tmp_path: Path, database_url: str) -> Processes:
    env = environment(DATABASE_URL=database_url, REDIS_URL=f"redis://{NOWHERE}/0", NOMAD_ADDR=f"http://{NOWHERE}")
    made = Processes(directory=tmp_path, env=env)
    made.config.write_text(CONFIG)
    return made


async def lines_to(lines: AsyncIterator[str], desired: str) -> None:
    async with asyncio.timeout(20):
        async for line in lines:
            if desired in line:
                return
    raise AssertionError(f"the stream ended before {desired!r}")


async def test_a_change_arrives_and_a_signal_ends_stream_and_process(processes: Processes, database_url: str) -> None:
    database = Database(database_url, size=1)
    with processes.ending():
        web = processes.start("web")
        async with httpx.AsyncClient(verify=NO_TLS, base_url=web.url, timeout=20, trust_env=False) as client:
            await until(lambda: _ready(client), processes.logs, within=60)
            async with client.stream("GET", "/live") as answer:
                assert answer.status_code == 200
                lines = answer.aiter_lines()
                await lines_to(lines, '"everything":true')
                async with database.connection() as connection:
                    await connection.execute("UPDATE watches SET desired_tag = 'v2' WHERE name = 'app'")
                await lines_to(lines, '"watches":["app"]')

                web.ended_by_us = True
                web.popen.send_signal(signal.SIGTERM)
                async with asyncio.timeout(20):
                    rest = [line async for line in lines]  # a stream that is cut raises
                assert await asyncio.to_thread(web.popen.wait, 20) == 0
                assert "exceeded" not in web.log.read_text()
                assert all(not line.startswith("event: changed") for line in rest)
    await database.close()


async def _ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
