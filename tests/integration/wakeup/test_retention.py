"""Given old history, when it is deleted, then each watch keeps its last rollouts, and no kind depends on another."""

from typing import Any

import asyncpg
import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.wakeup.retention import PostgresRetention
from app.errors import StoreUnavailable
from tests.integration.statements import execute

WATCHES = 20
ROLLOUTS = 60
KEPT = 50
FILL = f"""
INSERT INTO targets (region, namespace, job_id) SELECT '', 'default', 'app' || i FROM generate_series(1, {WATCHES}) i;
INSERT INTO watches
  (name, target_id, registry, repository_host, repository_path, task, deploy_by, observe_only, position)
SELECT job_id || task, target_id, 'main', 'h', 'team/' || job_id, task, 'digest', false, target_id * 2 + length(task)
FROM targets, unnest('{{a,bb}}'::text[]) AS task;
INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, outcome, ended_at)
SELECT gen_random_uuid(), target_id, i, 'rule', 'ended', 'succeeded', now() - interval '100 days'
FROM targets, generate_series(1, {ROLLOUTS}) i;
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced)
SELECT rollout_id, name, 'v', 'd', false FROM rollouts JOIN watches USING (target_id)
WHERE right(name, 2) <> 'bb' OR intent % 10 = 0;
"""


async def fetch(database: Database, statement: str) -> Any:
    async with database.connection() as connection:
        return await connection.fetchval(statement)


async def forgotten(database: Database, *, limit: int) -> list[int]:
    """How many went in each batch, until none did."""
    batches = []
    while gone := await PostgresRetention(database).forget(days=30, limit=limit):
        batches.append(gone)
    return batches


async def test_each_watch_keeps_its_last_fifty_rollouts(database: Database) -> None:
    """Of those of the other watch, each tenth, none is more than the last fifty: they are kept for its sake."""
    await execute(database, FILL)
    batches = await forgotten(database, limit=100)
    per_target = ROLLOUTS - KEPT - 1  # the tenth is the other watch's as well
    assert batches == [100, per_target * WATCHES - 100]
    assert await fetch(database, "SELECT array_agg(DISTINCT intent ORDER BY intent) FROM rollouts") == [
        10,
        *range(ROLLOUTS - KEPT + 1, ROLLOUTS + 1),
    ]


async def test_what_is_not_old_enough_or_not_ended_is_kept(database: Database) -> None:
    await execute(database, FILL)
    await execute(database, "UPDATE rollouts SET ended_at = now() WHERE intent = 1")
    await execute(database, "UPDATE rollouts SET state = 'submitted', ended_at = NULL, outcome = NULL WHERE intent = 2")
    await forgotten(database, limit=1000)
    kept = "SELECT array_agg(DISTINCT intent ORDER BY intent) FROM rollouts WHERE intent < 10"
    assert await fetch(database, kept) == [1, 2]


async def test_who_moved_to_another_job_keeps_the_last_of_each(database: Database) -> None:
    await execute(database, FILL)
    await execute(
        database,
        "DELETE FROM rollout_watches WHERE right(watch_name, 2) = 'bb'; "
        "UPDATE rollout_watches SET watch_name = 'app1a'",
    )
    await forgotten(database, limit=1000)
    assert await fetch(database, "SELECT count(*) FROM rollouts") == KEPT * WATCHES


@pytest.mark.parametrize("table", ["deliveries", "rollouts", "audit_log"])
@pytest.mark.parametrize(("state", "error"), [("22000", asyncpg.DataError), ("55P03", StoreUnavailable)])
async def test_a_kind_that_fails_stops_no_other(
    database: Database, table: str, state: str, error: type[Exception]
) -> None:
    await execute(
        database,
        f"""
        CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{state}'; END $$;
        CREATE TRIGGER fault BEFORE DELETE ON {table} EXECUTE FUNCTION fault();
        INSERT INTO audit_log (action, recorded_at) VALUES ('pause', now() - interval '40 days');
        """,
    )
    await execute(database, FILL)
    await execute(database, "INSERT INTO found_tags SELECT name, 'v1', now() - interval '40 days' FROM watches")
    drifts = "INSERT INTO drifts (watch_name, changed_at, before, after) SELECT name, now() - {} * interval '1 day', "
    for age in (29, 31):
        await execute(database, drifts.format(age) + "'{}', '{}' FROM watches WHERE name = 'app1a'")
    with pytest.raises(error, match="made up"):
        await PostgresRetention(database).forget(days=30)
    tables = ("rollouts", "audit_log", "found_tags", "drifts")
    left = [await fetch(database, f"SELECT count(*) FROM {each}") for each in tables]
    all_rollouts, kept = WATCHES * ROLLOUTS, WATCHES * (KEPT + 1)
    assert left == [all_rollouts if table == "rollouts" else kept, 1 if table == "audit_log" else 0, 0, 1]


async def test_what_explains_a_tag_is_kept_as_long_as_it_matters(database: Database) -> None:
    """The desired digest, what runs, and each watch's last periods stay; the rest goes with its age."""
    await execute(database, FILL)
    await execute(database, "UPDATE watches SET desired_tag = 'v1', desired_digest = 'new' WHERE name = 'app1a'")
    old = "now() - interval '40 days'"
    await execute(database, f"INSERT INTO absent_tags VALUES ('app1a', 'v0', {old}), ('app1a', 'v2', now())")
    await execute(
        database,
        f"INSERT INTO tag_digests VALUES ('app1a', 'v1', 'old', {old}, {old}), ('app1a', 'v1', 'new', {old}, {old}), "
        f"('app1a', 'v2', 'other', {old}, now())",
    )
    periods = "INSERT INTO running_periods (watch_name, tag, digest, began_at, ended_at) SELECT 'app1a', 'v' || n, '', "
    await execute(database, periods + f"{old} - n * interval '1 hour', {old} FROM generate_series(1, 60) n")
    await execute(database, periods + f"{old} - interval '9 days', NULL FROM generate_series(99, 99) n")
    await PostgresRetention(database).forget(days=30)
    assert await fetch(database, "SELECT string_agg(tag, ' ') FROM absent_tags") == "v2"
    assert await fetch(database, "SELECT string_agg(digest, ' ' ORDER BY digest) FROM tag_digests") == "new other"
    assert await fetch(database, "SELECT count(*) FROM running_periods WHERE ended_at IS NULL") == 1
    assert await fetch(database, "SELECT count(*) FROM running_periods") == 51


async def test_a_batch_may_take_longer_than_other_statements(database_url: str) -> None:
    database = Database(database_url, limits=SessionLimits(statement=0.5))
    await execute(
        database,
        """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$;
        CREATE TRIGGER slow BEFORE DELETE ON audit_log EXECUTE FUNCTION slow();
        INSERT INTO audit_log (action, recorded_at) VALUES ('pause', now() - interval '40 days');
        """,
    )
    assert await PostgresRetention(database).forget(days=30) == 1
    async with database.connection() as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "500ms"
    await database.close()
