"""Given any state of Postgres' error table, when a statement raises it, then it is told as what it is.

https://www.postgresql.org/docs/current/errcodes-appendix.html. What means our own mistake comes as the driver's error;
everything else is StoreUnavailable, with the fix.
"""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.adapters.postgres.database.migrate import migrate
from app.adapters.postgres.database.outage import outages_translated
from app.adapters.postgres.database.pool import Database
from app.errors import SchemaMismatch, StoreSilent, StoreUnavailable

OUTAGES = {
    "03000", "08006", "09000", "0A000", "0B000", "0F001", "0L000", "0P000", "0Z002", "10608", "20000", "21000", "24000",
    "25000", "25006", "25P02", "25P03", "25P04", "26000", "27000", "28000", "28P01", "2B000", "2D000", "2F000", "34000",
    "38000", "39000", "3B000", "3D000", "3F000", "40001", "40P01", "44000", "53000", "53100", "53200", "53300", "55000",
    "55006", "55P03", "57000", "57014", "57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "72000", "F0000",
    "HV000", "P0000", "P0001", "XX000", "XX001", "XX002", "42P01", "42703", "42501", "ZZ999",
}  # fmt: skip
SILENT = {state for state in OUTAGES if state.startswith("08")} | {"57P01", "57P02", "57P03", "57P05", "53300"}
OURS = {"22000", "22021", "22P05", "23000", "23505", "23514", "42000", "42601", "42883", "42P10", "54000", "54001"}


def raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{state}'; END $$"


async def test_every_state_that_is_not_our_mistake_is_an_outage(database: Database) -> None:
    for state in sorted(OUTAGES):
        says = "does not answer" if state in SILENT else "cannot be used now"
        with pytest.raises(StoreUnavailable, match=rf"Postgres {says}: .*made up.*; ") as raised:
            async with database.connection() as connection:
                await connection.execute(raising(state))
        assert isinstance(raised.value, StoreSilent) == (state in SILENT)
        async with database.connection() as connection:  # and the pool goes on
            assert await connection.fetchval("SELECT 1") == 1


async def test_our_own_mistake_is_the_drivers_error(database: Database) -> None:
    for state in sorted(OURS):
        with pytest.raises(asyncpg.PostgresError, match="made up") as caught:
            async with database.transaction() as connection:
                await connection.execute(raising(state))
        assert caught.value.sqlstate == state


@pytest.mark.parametrize(
    ("state", "fix"),
    [
        ("42P01", "registrywatcher migrate"),
        ("42703", "registrywatcher migrate"),
        ("42501", "grant this database user"),
        ("25006", "make it writable"),
        ("53100", "free space"),
        ("28P01", "the password in DATABASE_URL"),
        ("3D000", "create the database"),
        ("55P03", "holds a lock"),
        ("57P01", "check that it is up"),
    ],
)
async def test_the_fix_is_that_of_the_state(database: Database, state: str, fix: str) -> None:
    with pytest.raises(StoreUnavailable, match=fix):
        async with database.connection() as connection:
            await connection.execute(raising(state))


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.exceptions.ProtocolError("cannot switch to state 12"),
        asyncpg.InterfaceError("connection is closed"),
        asyncio.InvalidStateError("invalid state"),
        asyncio.IncompleteReadError(b"", 5),
        ConnectionResetError("peer"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_inside_the_driver_is_an_outage(error: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=type(error).__name__), outages_translated():
        raise error


@pytest.mark.parametrize("error", [KeyError("a bug"), RuntimeError("a bug")])
def test_a_bug_of_ours_is_none_of_the_drivers(error: Exception) -> None:
    with pytest.raises(type(error)), outages_translated():
        raise error


async def test_ending_all_sessions_is_a_short_outage(database: Database, database_url: str) -> None:
    async def result() -> str:
        try:
            async with database.connection() as connection:
                await connection.execute("SELECT pg_sleep(0.01)")
        except StoreUnavailable:
            return "outages"
        return "served"

    async def ending() -> None:
        connection = await asyncpg.connect(database_url)
        for _ in range(20):
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.01)
        await connection.close()

    async def asking() -> set[str]:
        return {await result() for _ in range(40)}

    answers, *_ = await asyncio.gather(asking(), asking(), asking(), asking(), ending())
    assert answers <= {"outages", "served"}
    assert await result() in {"outages", "served"}
    assert await result() == "served"


async def test_a_user_without_the_right_to_migrate_gets_the_reason(empty_database_url: str) -> None:
    owner = await asyncpg.connect(empty_database_url)
    name = f"reader_{await owner.fetchval('SELECT pg_backend_pid()')}"
    await owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'reads'")
    try:
        head, _, tail = empty_database_url.rpartition("@")
        scheme = head.partition("://")[0] or "postgresql"
        with pytest.raises(SchemaMismatch, match="may not change the schema"):
            await migrate(f"{scheme}://{name}:reads@{tail}")
    finally:
        await owner.execute(f"DROP ROLE {name}")
        await owner.close()


async def test_a_session_that_only_reads_is_not_kept(database: Database, database_url: str) -> None:
    """It would only read after the database takes writes again, since it began under another setting."""
    name = urlsplit(database_url).path.lstrip("/")
    owner = await asyncpg.connect(database_url)
    await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="make it writable again"):
            async with database.transaction() as connection:
                await connection.execute("UPDATE switches SET paused = false")
    await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    async with database.transaction() as connection:
        await connection.execute("UPDATE switches SET paused = false")
    await owner.close()
