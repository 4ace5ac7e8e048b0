"""The tests' own servers do what their users rely on."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

import asyncpg
import httpx
import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.servers.http import serve
from tests.servers.postgres import Databases, execute
from tests.servers.shared_database import SharedDatabase
from tests.servers.tls import Certificate
from tests.servers.toxic import ToxicProxy
from tests.servers.valkey import LogicalDatabases


async def pong(_: Request) -> PlainTextResponse:
    return PlainTextResponse("pong")


APPLICATION = Starlette(routes=[Route("/ping", pong)])


def test_each_database_is_its_own_and_migrated(databases: Databases) -> None:
    first, second = databases.fresh(), databases.fresh()
    try:
        assert first != second
        assert asyncio.run(_tables(first)) == asyncio.run(_tables(second)) != 0
    finally:
        databases.drop(first)
        databases.drop(second)


def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    assert asyncio.run(_tables(empty_database_url)) == 0


def test_a_shared_database_is_emptied_for_the_next_test(shared_database: SharedDatabase, own_database_url: str) -> None:
    url = shared_database.emptied()
    asyncio.run(_write(url))
    assert asyncio.run(_rows(url)) != asyncio.run(_rows(own_database_url))
    assert shared_database.emptied() == url
    assert asyncio.run(_rows(url)) == asyncio.run(_rows(own_database_url))


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE watches ADD COLUMN more text",
        "ALTER TABLE watches RENAME TO those_watches",
        "ALTER TABLE targets DISABLE TRIGGER ALL",
        "CREATE TABLE more ()",
        "CREATE OR REPLACE FUNCTION feed_watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE SCHEMA more",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = more', current_database()); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET role = pg_monitor', current_database()); END $$",
        "INSERT INTO channels (name) SELECT repeat(md5(number::text), 9) FROM generate_series(1, 10000) AS number",
    ],
)
def test_a_shared_database_that_a_test_has_changed_is_made_anew(shared_database: SharedDatabase, change: str) -> None:
    before = asyncio.run(_identity(shared_database.emptied()))
    assert asyncio.run(_identity(shared_database.emptied())) == before
    asyncio.run(execute(shared_database.emptied(), change))
    after = asyncio.run(_identity(shared_database.emptied()))
    assert after != before
    assert asyncio.run(_identity(shared_database.emptied())) == after


def test_nobody_writes_into_a_shared_database_that_was_emptied(shared_database: SharedDatabase) -> None:
    async def left_behind(url: str) -> None:
        connection = await asyncpg.connect(url)
        await asyncio.to_thread(shared_database.emptied)
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
            await connection.execute("INSERT INTO channels (name) VALUES ('late')")

    asyncio.run(left_behind(shared_database.emptied()))


async def _identity(url: str) -> int:
    """Another database of the same name has another."""
    connection = await asyncpg.connect(url)
    try:
        found: int = await connection.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()")
        return found
    finally:
        await connection.close()


async def _write(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE switches SET paused = true")
        await connection.execute(
            "INSERT INTO targets (region, namespace, job_id, inspect_job) VALUES ('', '', 'a', true)"
        )
        await connection.execute("INSERT INTO wakes (target_id) SELECT target_id FROM targets")
    finally:
        await connection.close()


async def _rows(url: str) -> dict[str, object]:
    """How many rows each table has, the switches, and the next number of each sequence."""
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found = {name: await connection.fetchval(f'SELECT count(*) FROM "{name}"') for (name,) in names}
        paused = await connection.fetchval("SELECT paused FROM switches")
        numbers = await connection.fetch("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        return {**found, "paused": paused, **dict(numbers)}
    finally:
        await connection.close()


async def _tables(url: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
    finally:
        await connection.close()


async def test_each_logical_database_is_its_own(logical_databases: LogicalDatabases) -> None:
    first, second = logical_databases.fresh(), logical_databases.fresh()
    async with redis.asyncio.Redis.from_url(first) as one, redis.asyncio.Redis.from_url(second) as two:
        await one.set("key", "value")
        assert await two.get("key") is None


def test_an_application_is_served() -> None:
    with serve(APPLICATION) as url:
        assert httpx.get(f"{url}/ping").text == "pong"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/ping")


def test_an_application_is_served_over_tls(certificate: Certificate) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.ca_file))
    with serve(APPLICATION, certificate=certificate) as url:
        assert httpx.get(f"{url}/ping", verify=trusting).text == "pong"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{url}/ping")


def test_an_application_that_cannot_start_is_named() -> None:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with open_database():
            yield

    def open_database() -> AbstractContextManager[None]:
        raise OSError("no database")

    with pytest.raises(RuntimeError, match="did not start"), serve(Starlette(lifespan=lifespan)):
        pass


async def test_the_proxy_passes_then_loses_cuts_and_refuses(redis_url: str) -> None:
    async with ToxicProxy(redis_url) as proxy:
        client = redis.asyncio.Redis.from_url(proxy.url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        async with client:
            assert await client.set("key", "x" * 100)
            proxy.black_hole = True
            with pytest.raises(redis.TimeoutError):
                await client.get("key")
            proxy.black_hole = False
            proxy.cut_reply_after = 10
            with pytest.raises(redis.ConnectionError):
                await client.get("key")
            assert await client.get("key") == b"x" * 100
            proxy.cut()
            with pytest.raises(redis.ConnectionError):
                await client.get("key")
            proxy.refuse = True
            with pytest.raises(redis.ConnectionError):
                await client.get("key")
