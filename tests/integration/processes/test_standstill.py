"""Given targets, events and processes as they are stored, then what waits too long is found, and nothing that waits by
design."""

from dataclasses import replace

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.processes.presence import PostgresPresences
from app.adapters.postgres.processes.work import read_work
from app.adapters.postgres.views.queries import PostgresQueries
from app.services.processes.loops import LoopState
from app.services.processes.standstill import Work
from tests.integration.processes.test_presence import beat
from tests.integration.statements import execute
from tests.integration.views.test_queries import APP

OLD = "clock_timestamp() - interval '20 seconds'"
QUIET = "UPDATE targets SET due_at = NULL, poll_at = clock_timestamp() + interval '1 hour'; DELETE FROM wakes"
EVENT = f"""
INSERT INTO deliveries (delivery_id, source, size, ignored) VALUES (gen_random_uuid(), 'main', 1, 0);
INSERT INTO events (delivery_id, source, action, path, tag) SELECT delivery_id, 'main', 'push', 'team/app', 'v1'
FROM deliveries;
INSERT INTO event_watches (event_id, watch_name, known_at) SELECT event_id, 'app', {OLD} FROM events;
"""


@pytest.fixture
async def quiet(database: Database) -> Database:
    """A database with one watch, for which nothing is due."""
    await PostgresWatches(database).sync([APP], at_start=False)
    await execute(database, QUIET)
    return database


async def work(database: Database) -> Work:
    async with database.connection() as connection:
        return await read_work(connection)


async def test_nothing_waits(quiet: Database) -> None:
    assert await work(quiet) == Work()


@pytest.mark.parametrize(
    "made_due",
    [
        f"UPDATE targets SET due_at = {OLD}",
        f"INSERT INTO wakes (target_id, created_at) SELECT target_id, {OLD} FROM targets",
        f"UPDATE targets SET due_at = clock_timestamp() + interval '1 hour'; "
        f"INSERT INTO wakes (target_id, created_at) SELECT target_id, {OLD} FROM targets, generate_series(1, 8)",
        f"UPDATE targets SET due_at = {OLD}, lease_until = due_at",
    ],
)
async def test_a_job_that_is_due_waits(quiet: Database, made_due: str) -> None:
    await execute(quiet, made_due)
    found = await work(quiet)
    assert found.jobs.count == 1
    assert 20 <= found.jobs.age < 80
    assert found.jobs.since is not None


async def test_what_was_left_under_a_lease_waits_from_the_leases_end(quiet: Database) -> None:
    await execute(quiet, f"UPDATE targets SET due_at = {OLD}, lease_until = clock_timestamp() - interval '1 second'")
    assert (await work(quiet)).jobs.age < 15


@pytest.mark.parametrize(
    "by_design",
    [
        f"UPDATE targets SET due_at = {OLD}, lease_until = clock_timestamp() + interval '1 minute'",
        "UPDATE targets SET due_at = clock_timestamp() + interval '30 seconds'",
        f"UPDATE targets SET due_at = {OLD}; UPDATE watches SET present = false",
    ],
)
async def test_who_is_looked_at_or_put_off_or_gone_does_not_wait(quiet: Database, by_design: str) -> None:
    await execute(quiet, by_design)
    assert await work(quiet) == Work()


async def test_a_rollout_that_is_not_followed_waits(quiet: Database) -> None:
    await execute(
        quiet,
        "INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, follow_at) "
        f"SELECT gen_random_uuid(), target_id, 1, 'rule', 'submitted', {OLD} FROM targets",
    )
    assert (await work(quiet)).rollouts.count == 1


async def test_a_push_without_an_answer_and_without_a_look_ahead_is_lost(quiet: Database) -> None:
    await execute(quiet, EVENT)
    assert (await work(quiet)).pushes.count == 1


@pytest.mark.parametrize(
    "by_design",
    [
        "UPDATE targets SET due_at = clock_timestamp() + interval '30 seconds'",  # a late tag, or a registry away
        "UPDATE targets SET lease_until = clock_timestamp() + interval '4 seconds'",
        "INSERT INTO wakes (target_id) SELECT target_id FROM targets",
        "UPDATE event_watches SET settled_at = now()",
        "UPDATE watches SET present = false",
    ],
)
async def test_a_push_with_a_look_ahead_is_on_its_way(quiet: Database, by_design: str) -> None:
    await execute(quiet, EVENT)
    await execute(quiet, by_design)
    assert (await work(quiet)).pushes.count == 0


async def test_polls_whose_time_has_come_wait(quiet: Database) -> None:
    await execute(quiet, f"UPDATE targets SET poll_at = {OLD}")
    assert (await work(quiet)).polls.count == 1


async def test_processes_are_read_as_they_said_they_are(quiet: Database) -> None:
    presences = PostgresPresences(quiet)
    stands = LoopState(name="sweep", late=7.5, problem="locked", is_stalled=True)
    await presences.beat(replace(beat(), loops=(stands,)))
    (process,) = (await work(quiet)).processes
    assert process.is_running
    assert process.loops == (stands,)
    (outage,) = await PostgresQueries(quiet).outages()
    assert outage.problem == "process 17 on host-1: loop sweep stalled for 8 s: locked"
    await execute(quiet, "UPDATE processes SET beat_at = beat_at - interval '10 seconds'")
    (process,) = (await work(quiet)).processes
    assert not process.is_running
    assert await PostgresQueries(quiet).outages() == ()


async def test_a_process_of_another_version_may_say_less(quiet: Database) -> None:
    await PostgresPresences(quiet).beat(beat())
    await execute(quiet, """UPDATE processes SET loops = '[{"name": "sweep", "more": 1}]'""")
    (process,) = (await work(quiet)).processes
    assert process.loops == (LoopState(name="sweep", late=0.0, problem=""),)
