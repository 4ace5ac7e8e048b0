"""The Go service's table: its rules are imported one time for each watch, and the table is not changed."""

import asyncio
from dataclasses import replace

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.errors import Permanent
from app.services.config.sync import sync
from tests.integration.statements import execute

# As the Go service creates it.
TABLE = """
CREATE TABLE IF NOT EXISTS deployed_repository_version (
  repository_name character varying NOT NULL PRIMARY KEY UNIQUE,
  pinned_tag character varying NOT NULL,
  auto_deploy boolean NOT NULL default true
);
"""
FILLED = TABLE + "INSERT INTO deployed_repository_version VALUES ('app', 'test', false), ('gone', 'v1', true);"

APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "app"),
    place=JobPlace(region="", namespace="default", job_id="app"),
    task="app",
)
OTHER = replace(APP, name="other", place=replace(APP.place, job_id="other"))
GONE = replace(APP, name="gone", place=replace(APP.place, job_id="gone"))


@pytest.fixture
def store(database: Database) -> PostgresWatches:
    return PostgresWatches(database)


async def rules(database: Database) -> dict[str, tuple[str, bool]]:
    async with database.connection() as connection:
        found = await connection.fetch("SELECT name, pinned_tag, auto_deploy FROM watches")
    return {row["name"]: (row["pinned_tag"], row["auto_deploy"]) for row in found}


async def imports(database: Database) -> list[tuple[str, int]]:
    async with database.connection() as connection:
        return [(row["name"], row["rows"]) for row in await connection.fetch("SELECT name, rows FROM imports")]


async def test_rules_are_taken_over_and_the_table_stays_as_it_was(database: Database, store: PostgresWatches) -> None:
    await execute(database, FILLED)
    assert (await sync(store, [APP, OTHER])).imported == 1
    assert await rules(database) == {"app": ("test", False), "other": ("", True)}
    assert await imports(database) == [("deployed_repository_version", 1)]
    async with database.connection() as connection:
        left = await connection.fetch("TABLE deployed_repository_version")
    assert [tuple(row) for row in left] == [("app", "test", False), ("gone", "v1", True)]


async def test_without_the_table_nothing_is_recorded(database: Database, store: PostgresWatches) -> None:
    await sync(store, [APP])
    assert await rules(database) == {"app": ("", True)}
    assert await imports(database) == []


async def test_the_table_is_imported_one_time(database: Database, store: PostgresWatches) -> None:
    await execute(database, FILLED)
    await sync(store, [APP])
    await execute(database, "UPDATE deployed_repository_version SET pinned_tag = 'later', auto_deploy = true")
    assert (await sync(store, [APP], at_start=True)).imported == 0
    assert await rules(database) == {"app": ("test", False)}


async def test_several_processes_at_once_read_it_once(database: Database, store: PostgresWatches) -> None:
    await execute(database, FILLED)
    results = await asyncio.gather(*(sync(store, [APP, OTHER], at_start=True) for _ in range(5)))
    assert sum(result.imported for result in results) == 1
    assert await imports(database) == [("deployed_repository_version", 1)]


async def test_a_watch_that_appears_later_takes_over_its_row(database: Database, store: PostgresWatches) -> None:
    await execute(database, FILLED)
    await sync(store, [APP])
    assert (await sync(store, [APP, GONE])).imported == 1
    assert (await rules(database))["gone"] == ("v1", True)
    assert await imports(database) == [("deployed_repository_version", 2)]


async def test_a_watch_that_returns_keeps_its_own_rule(database: Database, store: PostgresWatches) -> None:
    await execute(database, FILLED)
    await sync(store, [APP])
    await execute(database, "UPDATE watches SET pinned_tag = 'ours', auto_deploy = true, commanded_at = now()")
    await sync(store, [])
    await sync(store, [APP])
    assert await rules(database) == {"app": ("ours", True)}


async def test_a_table_restored_after_the_first_start_counts_for_unchanged_rules(
    database: Database, store: PostgresWatches
) -> None:
    await sync(store, [APP, GONE])
    await execute(database, "UPDATE watches SET pinned_tag = 'ours', commanded_at = now() WHERE name = 'app'")
    await execute(database, "DELETE FROM wakes")
    await execute(database, FILLED)
    reconciled = await sync(store, [APP, GONE])
    assert await rules(database) == {"app": ("ours", True), "gone": ("v1", True)}
    async with database.connection() as connection:
        due = await connection.fetch("SELECT job_id, target_id FROM wakes JOIN targets USING (target_id)")
    assert [row["job_id"] for row in due] == ["gone"]
    assert reconciled.due == (due[0]["target_id"],)


async def test_odd_columns_are_tolerated(database: Database, store: PostgresWatches) -> None:
    await execute(
        database,
        """
        CREATE TABLE deployed_repository_version (id serial, repository_name text, pinned_tag text, auto_deploy text);
        INSERT INTO deployed_repository_version (repository_name, pinned_tag, auto_deploy)
        VALUES ('app', NULL, 'false'), ('other', 'v2', NULL), (NULL, 'x', 'true'), ('gone', 'v3', 'true');
        """,
    )
    await sync(store, [APP, OTHER, GONE])
    assert await rules(database) == {"app": ("", False), "other": ("v2", True), "gone": ("v3", True)}


async def test_a_table_of_another_kind_changes_nothing(database: Database, store: PostgresWatches) -> None:
    await execute(
        database,
        "CREATE TABLE deployed_repository_version (name text); INSERT INTO deployed_repository_version VALUES ('app')",
    )
    await sync(store, [APP])
    assert await rules(database) == {"app": ("", True)}


async def test_it_is_found_in_another_schema_of_the_search_path(database: Database, store: PostgresWatches) -> None:
    await execute(database, "CREATE SCHEMA old; SET search_path = old;" + FILLED)
    await execute(
        database,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, old', current_database()); END $$",
    )
    await database.close()
    await sync(store, [APP])
    assert await rules(database) == {"app": ("test", False)}


async def test_a_table_without_read_permission_is_an_error_with_its_fix(
    database: Database, store: PostgresWatches
) -> None:
    await execute(database, FILLED)
    await execute(  # a role that every server has, so that none is left behind
        database,
        """
        GRANT ALL ON SCHEMA public TO pg_monitor; GRANT ALL ON ALL TABLES IN SCHEMA public TO pg_monitor;
        REVOKE ALL ON deployed_repository_version FROM pg_monitor;
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET role = pg_monitor', current_database()); END $$
        """,
    )
    await database.close()
    with pytest.raises(Permanent, match="GRANT SELECT ON deployed_repository_version"):
        await sync(store, [APP])
    assert await rules(database) == {}
