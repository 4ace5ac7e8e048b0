"""Given sessions that hold something and do not go on, then Postgres ends them, and others get what they held."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from app.adapters.postgres.config import watches
from app.adapters.postgres.database import migrate as migrations
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.reconcile import slots
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.errors import StoreUnavailable
from app.services.config.sync import sync
from tests.processes import until
from tests.servers.toxic import ToxicProxy

LEASE = 1.0
LIMITS = SessionLimits.of_lease(LEASE)
SYNC = b"S\x00\x00\x00\x04"  # the end of a statement, https://www.postgresql.org/docs/current/protocol-message-formats.html
WATCH = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="app"),
    task="server",
)


@asynccontextmanager
async def opened(url: str, limits: SessionLimits = LIMITS) -> AsyncIterator[Database]:
    database = Database(url, limits=limits)
    try:
        yield database
    finally:
        await database.close()


async def in_time(work: Callable[[], Awaitable[object]]) -> object:
    """What the work gives once it is not refused any more, as its callers try it again."""

    async def tried() -> list[object]:
        try:
            return [await work()]
        except StoreUnavailable:
            return []

    (found,) = await until(tried, "what was held is free", within=60)
    return found


async def _sync(database: Database) -> object:
    return await sync(watches.PostgresWatches(database), [WATCH], at_start=True)


async def _change(database: Database) -> object:
    return await sync(watches.PostgresWatches(database), [replace(WATCH, observe_only=True)])


async def _queue(database: Database) -> object:
    async with database.transaction() as connection:
        return await slots.next_in_queue(connection, 1)


async def _inspect(database: Database) -> object:
    async with database.transaction() as connection:
        return await connection.fetchval("SELECT target_id FROM targets FOR UPDATE")


@pytest.mark.parametrize(
    ("held", "work"),
    [
        (f"SELECT pg_advisory_xact_lock({watches.LOCK})", _sync),
        (f"SELECT pg_advisory_xact_lock({slots.LOCK})", _queue),
        ("SELECT FROM targets FOR UPDATE", _inspect),
        ("UPDATE watches SET position = position + 1", _change),
    ],
    ids=["the lock of the configuration", "the lock of the slots", "a target", "a watch"],
)
async def test_a_frozen_process_lets_go(
    database_url: str, held: str, work: Callable[[Database], Awaitable[object]]
) -> None:
    async with opened(database_url) as frozen, opened(database_url) as other:
        await _sync(other)

        async def hold() -> None:
            async with frozen.transaction() as connection:
                await connection.execute(held)
                await in_time(lambda: work(other))
                await connection.execute("SELECT 1")

        with pytest.raises(StoreUnavailable):
            await hold()


async def test_a_process_stuck_within_a_statement_lets_go(database_url: str) -> None:
    """Cut off between two messages of a statement, or stopped there: to Postgres it is active, and waits for nobody."""
    async with opened(database_url) as other:
        await _sync(other)
        async with ToxicProxy(database_url) as proxy, opened(proxy.url) as stuck:

            async def hold() -> None:
                async with stuck.transaction() as connection:
                    await connection.fetchval("SELECT target_id FROM targets WHERE target_id > $1 FOR UPDATE", 0)
                    proxy.dead_from = SYNC
                    await connection.fetchval("UPDATE targets SET generation = generation WHERE target_id > $1", 0)

            holding = asyncio.create_task(hold())
            await until(lambda: proxy.died, "it is cut off", within=30)
            schedule = PostgresSchedule(other)

            async def freed() -> object:
                await schedule.overdue(limit=1)
                return await _inspect(other)

            assert await in_time(freed)
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)


async def test_who_works_is_not_ended(database_url: str) -> None:
    """A statement that takes longer than the lease, and sessions that hold nothing."""
    async with (
        opened(database_url) as database,
        opened(database_url) as other,
        other.connection() as idle,
        database.connection() as connection,
    ):
        working = asyncio.create_task(connection.execute(f"SELECT pg_sleep({LEASE * 2})"))
        while not working.done():
            await PostgresSchedule(other).overdue(limit=1)
            await asyncio.sleep(0.1)
        await working
        assert await idle.fetchval("SELECT 1") == 1


async def test_whose_own_limit_is_longer_is_not_ended(database_url: str) -> None:
    """Another installation in the same database, a migration, or another program."""
    connection = await asyncpg.connect(database_url)
    try:
        async with (
            opened(database_url) as short,
            opened(database_url, SessionLimits(idle_in_transaction=60.0)) as long,
            long.transaction() as held,
            connection.transaction(),
        ):
            await held.execute("SELECT FROM targets FOR UPDATE")
            await connection.execute("SELECT 1")
            await asyncio.sleep(LEASE * 1.5)  # longer than `short` would leave to its own
            await PostgresSchedule(short).overdue(limit=1)
            assert await held.fetchval("SELECT 1") == 1
            assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


async def test_a_migration_that_is_frozen_with_its_lock_is_ended(empty_database_url: str) -> None:
    """Its lock belongs to the session, which holds it between transactions too."""
    limits = SessionLimits(lock=0, statement=60, idle=LEASE, idle_in_transaction=LEASE)
    async with opened(empty_database_url, limits) as frozen:

        async def hold() -> None:
            async with frozen.connection() as connection:
                await connection.execute(f"SELECT pg_advisory_lock({migrations.LOCK})")
                assert await migrations.migrate(empty_database_url)
                await connection.execute("SELECT 1")

        with pytest.raises(StoreUnavailable):
            await hold()


async def test_what_every_session_is_limited_to(database_url: str) -> None:
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")
    async with opened(database_url, SessionLimits.of_lease(4.0)) as database, database.connection() as connection:
        found = [await connection.fetchval(f"SHOW {name}") for name in names]
        keepalives = [
            int(await connection.fetchval(f"SHOW tcp_keepalives_{name}")) for name in ("idle", "interval", "count")
        ]
    assert found == ["2s", "15s", "4s", "4000"]
    assert keepalives == [1, 1, 3]


async def test_a_look_that_waits_for_a_lock_is_told_and_tried_again(database_url: str) -> None:
    async with opened(database_url) as database:
        await _sync(database)
        holder = await asyncpg.connect(database_url)
        try:
            async with holder.transaction():
                target_id = await holder.fetchval("SELECT target_id FROM targets FOR UPDATE")
                with pytest.raises(StoreUnavailable):
                    await PostgresTargets(database).claim(target_id, LEASE)
        finally:
            await holder.close()
        assert await PostgresTargets(database).claim(target_id, LEASE) is not None
