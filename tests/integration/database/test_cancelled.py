"""Given a silent Postgres, when a waiting caller is cancelled, then it ends as cancelled."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.adapters.postgres.database.migrate import migrate
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.services.processes.loops import Loop
from tests.processes import Processes, environment, until
from tests.servers.no_tls import NO_TLS
from tests.servers.ports import free_port
from tests.servers.toxic import ToxicProxy

LIMITS = SessionLimits.of_lease(4.0)
KILLED = 20.0  # seconds after which the Compose file has a process killed
ENDS = 3.0  # seconds, below any time-out of a statement or a connection
CONFIG = """
server_listening_address = "127.0.0.1:8080"
watched_repositories = ["app"]
[registry_map.main]
registry_domain = "registry.example"
[repo_map.app]
registry_name = "main"
nomad_job_name = "app"
nomad_task_name = "server"
"""

Work = Callable[[Database, ToxicProxy], Coroutine[Any, Any, None]]


@asynccontextmanager
async def behind_a_proxy(url: str) -> AsyncIterator[tuple[Database, ToxicProxy]]:
    async with ToxicProxy(url) as proxy:
        database = Database(proxy.url, limits=LIMITS)
        yield database, proxy
        await database.close()


async def _statement(database: Database, proxy: ToxicProxy) -> None:
    async with database.connection() as connection:
        await _silenced(connection, proxy)


async def _transaction(database: Database, proxy: ToxicProxy) -> None:
    async with database.transaction() as connection:
        await _silenced(connection, proxy)


async def _silenced(connection: Any, proxy: ToxicProxy) -> None:
    await connection.fetchval("SELECT 1")
    proxy.partitioned = True
    await connection.fetchval("SELECT pg_sleep(0.1)")


async def _commit(database: Database, proxy: ToxicProxy) -> None:
    async with database.transaction() as connection:
        await connection.fetchval("SELECT 1")
        proxy.dead_from = b"COMMIT"


async def _begin(database: Database, proxy: ToxicProxy) -> None:
    proxy.dead_from = b"set_config"
    async with database.connection():
        raise AssertionError("what a session is limited to cannot have been set")


@pytest.mark.parametrize("work", [_statement, _transaction, _commit, _begin])
async def test_a_wait_for_a_silent_postgres_ends_when_it_is_cancelled(database_url: str, work: Work) -> None:
    async with behind_a_proxy(database_url) as (database, proxy):
        waiting = asyncio.create_task(work(database, proxy))
        await until(lambda: proxy.died, "it is silent", within=30)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=ENDS)
        assert waiting.cancelled()


@pytest.mark.parametrize("said", [b"CREATE TABLE IF NOT EXISTS schema_migrations", b"SET LOCAL lock_timeout"])
async def test_a_migration_ends_when_it_is_cancelled(empty_database_url: str, said: bytes) -> None:
    """Its statements may take an hour, and so may the rollback and unlock that follow."""
    async with ToxicProxy(empty_database_url) as proxy:
        proxy.dead_from = said
        migrating = asyncio.create_task(migrate(proxy.url))
        await until(lambda: proxy.died, "it is silent", within=30)
        migrating.cancel()
        await asyncio.wait([migrating], timeout=ENDS)
        assert migrating.cancelled()


async def test_the_pool_goes_on_after_a_cancellation(database_url: str) -> None:
    """Each cancelled wait ends its connection, and none of them is missing afterwards."""
    database = Database(database_url, size=2, limits=LIMITS)
    for _ in range(6):
        waiting = asyncio.create_task(_sleep(database))
        watching = await asyncpg.connect(database_url)
        await until(partial(_sleeping, watching), "it sleeps", within=30)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        await watching.close()
    async with database.connection() as one, database.connection() as another:
        assert await one.fetchval("SELECT 1") + await another.fetchval("SELECT 1") == 2
    await database.close()


async def test_a_loop_ends_that_is_cancelled_while_postgres_is_silent(database_url: str) -> None:
    async with behind_a_proxy(database_url) as (database, proxy):

        async def body() -> float:
            await _transaction(database, proxy)
            return 0.1

        running = asyncio.create_task(Loop("x").run(body))
        await until(lambda: proxy.died, "it is silent", within=30)
        running.cancel()
        await asyncio.wait([running], timeout=ENDS)
        assert running.cancelled()


@pytest.mark.parametrize("kind", ["web", "worker", "poller"])
async def test_a_process_ends_by_sigterm_while_postgres_is_silent(
    tmp_path: Path, database_url: str, redis_url: str, kind: str
) -> None:
    async with ToxicProxy(database_url) as proxy:
        (tmp_path / "registrywatcher.toml").write_text(CONFIG)
        env = environment(DATABASE_URL=proxy.url, REDIS_URL=redis_url, NOMAD_ADDR="http://127.0.0.1:9")
        with Processes(directory=tmp_path, env=env).ending() as processes:
            health = f"127.0.0.1:{free_port()}"
            process = processes.start(kind, *(() if kind == "web" else ("--health-address", health)))
            url = process.url or f"http://{health}"
            async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=5) as client:
                await until(lambda: _answers(client, url, 200), "it is ready", within=60)
                proxy.black_hole = True
                await until(lambda: _answers(client, url, 503), "it waits for Postgres", within=30)
            process.terminate()
            try:
                status = await asyncio.to_thread(process.popen.wait, KILLED)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{kind} does not end: {processes.logs()}")
            assert status in (0, -signal.SIGTERM)


async def _sleep(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_sleep(60)")


async def _sleeping(connection: Any) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
    )


async def _answers(client: httpx.AsyncClient, url: str, status: int) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == status
    except httpx.HTTPError:
        return False
