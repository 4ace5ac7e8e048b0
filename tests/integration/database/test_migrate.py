"""The migrations runner on a real Postgres: once, in order, by any number of processes, and never by guess."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from app.adapters.postgres.database import migrate as runner
from app.adapters.postgres.database.migrate import migrate, migrations, pending
from app.errors import SchemaMismatch, StoreUnavailable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (id int); INSERT INTO first VALUES (1);\n")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE second (id int);\n")
    return tmp_path


async def query(url: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def tables(url: str) -> set[object]:
    return {name for (name,) in await query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


async def test_the_programs_own_files_are_applied_once(empty_database_url: str) -> None:
    names = tuple(each.name for each in migrations())
    assert names[0] == "0001_initial"
    assert await pending(empty_database_url) == names
    assert await migrate(empty_database_url) == names
    assert await migrate(empty_database_url) == ()
    assert await pending(empty_database_url) == ()
    assert {"targets", "watches", "schema_migrations"} <= await tables(empty_database_url)


async def test_pending_changes_nothing(empty_database_url: str, folder: Path) -> None:
    assert await pending(empty_database_url, folder=folder) == ("0001_first", "0002_second")
    assert await tables(empty_database_url) == set()


async def test_a_new_file_is_applied_alone_and_recorded(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0003_third.sql").write_text("ALTER TABLE second ADD COLUMN more text;")
    assert await migrate(empty_database_url, folder=folder) == ("0003_third",)
    recorded = await query(empty_database_url, "SELECT version, name, length(sha256) FROM schema_migrations ORDER BY 1")
    assert recorded == [(1, "0001_first", 64), (2, "0002_second", 64), (3, "0003_third", 64)]
    assert await query(empty_database_url, "TABLE first") == [(1,)]


async def test_many_at_once_apply_each_file_once(empty_database_url: str, folder: Path) -> None:
    (folder / "0003_index.sql").write_text("-- no-transaction\nCREATE INDEX CONCURRENTLY first_id ON first (id);")
    results = await asyncio.gather(*(migrate(empty_database_url, folder=folder) for _ in range(5)))
    assert sorted(results) == [()] * 4 + [("0001_first", "0002_second", "0003_index")]
    assert await query(empty_database_url, "TABLE first") == [(1,)]


async def test_a_file_that_fails_leaves_nothing_and_names_itself(empty_database_url: str, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("CREATE TABLE half (id int); SELECT * FROM absent;")
    with pytest.raises(SchemaMismatch, match=r"refuses migration 0002_second.*absent"):
        await migrate(empty_database_url, folder=folder)
    assert await tables(empty_database_url) == {"first", "schema_migrations"}
    assert await pending(empty_database_url, folder=folder) == ("0002_second",)


async def test_a_file_changed_after_it_was_applied_is_refused(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0001_first.sql").write_text("CREATE TABLE other (id int);")
    for call in (migrate, pending):
        with pytest.raises(SchemaMismatch, match="0001_first was changed after it was applied"):
            await call(empty_database_url, folder=folder)


async def test_line_ends_of_another_system_are_no_change(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_second.sql").write_bytes(b"CREATE TABLE second (id int);\r\n")
    assert await migrate(empty_database_url, folder=folder) == ()


async def test_a_database_newer_than_the_program_is_refused(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(SchemaMismatch, match="newer than this program: it has migration 0002_second"):
        await migrate(empty_database_url, folder=folder)


async def test_a_locked_table_is_not_queued_behind(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0003_third.sql").write_text("SET LOCAL lock_timeout = '50ms'; ALTER TABLE first ADD COLUMN more text;")
    holder = await asyncpg.connect(empty_database_url)
    try:
        async with holder.transaction():
            await holder.fetch("TABLE first")
            with pytest.raises(StoreUnavailable, match="0003_third: another session locks a table"):
                await migrate(empty_database_url, folder=folder)
    finally:
        await holder.close()
    assert await migrate(empty_database_url, folder=folder) == ("0003_third",)


async def test_the_lock_goes_with_its_holder(empty_database_url: str, folder: Path) -> None:
    holder = await asyncpg.connect(empty_database_url)
    await holder.execute("SELECT pg_advisory_lock($1)", runner.LOCK)
    waiting = asyncio.create_task(migrate(empty_database_url, folder=folder))
    while not await holder.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()"
        " AND datname = current_database()"
    ):
        assert not waiting.done()
    holder.terminate()
    assert await waiting == ("0001_first", "0002_second")


async def test_a_server_outage_is_reported(folder: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await migrate("postgresql://nobody@127.0.0.1:1/none", folder=folder)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "no migrations in .*install the program again"),
        (("0001_a.sql", "2_b.sql"), "2_b.sql is not named NNNN_name.sql"),
        (("0001_a.sql", "0001_b.sql"), "two files .* number 0001"),
    ],
)
def test_files_that_have_no_order_are_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(SchemaMismatch, match=message):
        migrations(tmp_path)
