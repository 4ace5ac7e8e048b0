"""The servers of a local start are brought back when they end, and a line says so."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import asyncpg
import pytest
import redis

from app.local.child import Backoff
from app.local.daemon import ServerFailed
from app.local.keeper import kept
from app.local.postgres import EmbeddedPostgres
from app.local.servers import GivenServer
from app.local.valkey import EmbeddedValkey
from tests.processes import until

QUICK = Backoff(first=0.05, most=0.2)


class Said:
    """The lines that were shown, as "name: line"."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append(f"{name}: {line}")

    def has(self, text: str, times: int) -> bool:
        """Whether so many lines contain the text."""
        return sum(text in line for line in self.lines) == times


async def _select(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT 7"))
    finally:
        await connection.close()


async def test_killed_servers_come_back_at_their_address(server_directory: Path) -> None:
    said = Said()
    with EmbeddedPostgres(server_directory, durable=False) as postgres, EmbeddedValkey(server_directory) as valkey:
        urls = postgres.url, valkey.url
        async with kept({"postgres": postgres, "valkey": valkey}, show=said, backoff=QUICK):
            for number in (1, 2):
                os.kill(postgres.pid, signal.SIGKILL)
                os.kill(valkey.pid, signal.SIGKILL)
                await until(partial(said.has, "it is back", 2 * number), "both are back", within=60)
                assert await _select(urls[0]) == 7
                with redis.Redis.from_url(urls[1]) as client:
                    assert client.ping()
        assert (postgres.url, valkey.url) == urls
        assert "postgres: it ended; it restarts in 0.05 s" in said.lines
        assert "valkey: it ended; it restarts in 0.05 s" in said.lines


async def test_after_the_block_nothing_is_started_again(server_directory: Path) -> None:
    said = Said()
    with EmbeddedValkey(server_directory) as valkey:
        async with kept({"valkey": valkey, "postgres": GivenServer(url="postgresql://theirs")}, show=said):
            pass
        valkey.kill()
        await asyncio.sleep(0)
        assert not valkey.running
    assert said.lines == []


class Stubborn:
    """A server that does not start at its first tries."""

    url = ""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.running = False

    def start(self) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self.running = True

    def stop(self) -> None:
        pass


@pytest.mark.parametrize("failure", [ServerFailed("the port is taken"), OSError("no space left on device")])
async def test_a_start_that_fails_is_tried_again(failure: Exception) -> None:
    said, server = Said(), Stubborn(failure, failure)
    async with kept({"postgres": server}, show=said, backoff=QUICK):
        await until(lambda: server.running, "it runs", within=30)
        await until(partial(said.has, "it is back", 1), "it is said to be back", within=30)
    assert said.has(f"it did not start: {failure}", 2)
