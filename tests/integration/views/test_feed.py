"""The feed of changes: every change that a person sees, nothing for reconciles without changes, and never too much."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.feed import SESSION, FeedPace, PostgresFeed
from app.adapters.postgres.views.mailbox import LARGEST, Mailbox
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.local.postgres import EmbeddedPostgres
from app.services.views.feed import Change
from tests.processes import until
from tests.servers.postgres import migrate

PLACE = JobPlace(region="", namespace="default", job_id="web")
APP = Watch(
    name="app", registry="main", repository=Repository.of("registry.example", "team/app"), place=PLACE, task="server"
)
SIDE = replace(APP, name="side", task="side")
ZOO = replace(APP, name="zoo", place=replace(PLACE, job_id="zoo"))
ROLLOUT = UUID(int=7)

QUICK = FeedPace(gather=0.02, tick=0.2, linger=0.3, retry=0.05, retry_at_most=0.2)
EVERYTHING = Change(everything=True)

REQUESTED = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin)
SELECT $1, target_id, 1, 'rule' FROM watches WHERE name = 'app'
"""
DECIDED = """
WITH made AS (
  INSERT INTO decisions (watch_name, kind, reason, message, tag, digest)
  VALUES ('app', 'hold', 'up_to_date', 'v1 runs', 'v1', '') RETURNING decision_id)
UPDATE watches SET decision_id = made.decision_id FROM made WHERE name = 'app'
"""
DELIVERED = "INSERT INTO deliveries (delivery_id, source, size, ignored) VALUES (gen_random_uuid(), 'main', 1, 0)"
FAILED = "INSERT INTO failures (watch_name, digest, rollout_id) VALUES ('app', 'd', gen_random_uuid())"


def watch(*names: str, situation: bool = False) -> Change:
    return Change(watches=frozenset(names), situation=situation)


CASES = (
    (DECIDED, watch("app")),
    ("UPDATE watches SET pinned_tag = 'v1', commanded_at = now() WHERE name = 'app'", watch("app")),
    ("UPDATE watches SET auto_deploy = false WHERE name = 'app'", watch("app")),
    ("UPDATE watches SET desired_tag = 'v2', desired_digest = 'd' WHERE name = 'app'", watch("app")),
    ("UPDATE watches SET specified = '[{}]' WHERE name = 'app'", watch("app")),
    ("UPDATE watches SET source_stale = 'two literals' WHERE name = 'app'", watch("app")),
    ("UPDATE watches SET missing_image = 'gone' WHERE name = 'app'", watch("app")),
    ("UPDATE watches SET rolled_back_at = now() WHERE name = 'app'", watch("app")),
    ("UPDATE watches SET outage = 'refused' WHERE name = 'app'", watch("app", situation=True)),
    ("UPDATE watches SET present = false WHERE name = 'zoo'", watch("zoo", situation=True)),
    (FAILED, watch("app")),
    ("UPDATE failures SET released_at = now()", watch("app")),
    ("DELETE FROM failures", watch("app")),
    ("UPDATE targets SET outage = 'no leader' WHERE job_id = 'web'", watch("app", "side", situation=True)),
    ("UPDATE switches SET paused = true", Change(situation=True)),
    (
        "WITH made AS (INSERT INTO notifications (kind, headline) VALUES ('held', 'x') RETURNING notification_id), "
        "sent AS (INSERT INTO notification_deliveries (notification_id, channel) SELECT *, 'ops' FROM made) "
        "UPDATE switches SET paused = false",
        Change(situation=True),
    ),
    ("UPDATE notification_deliveries SET attempts = 2", Change(situation=True)),
    ("UPDATE notification_deliveries SET sent_at = now()", Change(situation=True)),
    (
        "INSERT INTO drifts (watch_name, changed_at, before, after) VALUES ('app', now(), '{}', '{}')",
        watch("app"),
    ),
    ("INSERT INTO unknown_sources (source) VALUES ('harbor')", Change(situation=True)),
    ("SELECT pg_notify('registrywatcher', 'x:from a later version')", EVERYTHING),
    ("SELECT pg_notify('registrywatcher', 't:1; DROP TABLE watches')", EVERYTHING),
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, size=3)
    await PostgresWatches(database).sync([APP, SIDE, ZOO], at_start=False)
    yield database
    await database.close()


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[PostgresFeed]:
    feed = PostgresFeed(database, pace=QUICK)
    yield feed
    await feed.aclose()


async def execute(database: Database, *statements: str, values: tuple[Any, ...] = ()) -> None:
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(statement, *values)


async def next_change(changes: AsyncIterator[Change], *, within: float = 30.0) -> Change:
    async with asyncio.timeout(within):
        return await anext(changes)


async def silence(changes: AsyncIterator[Change], *, seconds: float = 0.6) -> None:
    with pytest.raises(TimeoutError):
        await next_change(changes, within=seconds)


async def test_every_visible_change_is_notified(database: Database, feed: PostgresFeed) -> None:
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        for statement, expected in CASES:
            await execute(database, statement)
            assert await next_change(changes) == expected, statement
        await silence(changes)


async def test_a_rollout_is_notified_with_the_watches_of_its_job(database: Database, feed: PostgresFeed) -> None:
    expected = Change(watches=frozenset({"app", "side"}), rollouts=frozenset({str(ROLLOUT)}))
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        await execute(database, REQUESTED, values=(ROLLOUT,))
        assert await next_change(changes) == expected
        for part in ("state = 'submitted'", "note = 'x'", "deployment = '{\"healthy\": 1}'", "outcome = 'failed'"):
            await execute(database, f"UPDATE rollouts SET {part}")
            assert await next_change(changes) == expected, part


async def test_reconciles_without_changes_notify_nothing(database: Database, feed: PostgresFeed) -> None:
    await execute(database, DECIDED, FAILED, "INSERT INTO unknown_sources (source) VALUES ('harbor')")
    await execute(database, REQUESTED, values=(ROLLOUT,))
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        await execute(
            database,
            "UPDATE decisions SET reconciles = reconciles + 1, last_at = clock_timestamp()",
            "UPDATE targets SET generation = generation + 1, due_at = now(), lease_until = now(), "
            "woken_at = now(), attempts = 3",
            "UPDATE watches SET specified = specified, tags = '{v1,v2}', tags_read_at = now(), outage = outage",
            "UPDATE rollouts SET lease_until = now(), follow_at = now(), progress = 'x', woken_at = now()",
            "UPDATE switches SET paused = paused",
            "UPDATE failures SET rollout_id = gen_random_uuid()",
            "WITH made AS (INSERT INTO notifications (kind, headline) VALUES ('held', 'x') RETURNING notification_id) "
            "INSERT INTO notification_deliveries (notification_id, channel) SELECT *, 'ops' FROM made",
            "DELETE FROM rollouts",
        )
        await silence(changes)


async def test_deliveries_are_in_the_feed_although_they_do_not_notify(database: Database, feed: PostgresFeed) -> None:
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        await execute(database, DELIVERED, DELIVERED)
        assert await next_change(changes) == Change(deliveries=True)
        assert await next_change(changes) == Change(deliveries=True)
        await silence(changes)


async def test_many_changes_are_one_message_and_too_many_are_everything(database: Database, feed: PostgresFeed) -> None:
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        await execute(database, "UPDATE watches SET desired_tag = 'v2'")
        assert await next_change(changes) == watch("app", "side", "zoo")
        many = [replace(APP, name=f"app-{number}") for number in range(LARGEST + 1)]
        await PostgresWatches(database).sync(many, at_start=False)
        assert await next_change(changes) == EVERYTHING


async def test_a_name_that_no_message_can_hold_breaks_nothing(database: Database, feed: PostgresFeed) -> None:
    long = "ü" * 5000
    await execute(database, "ALTER TABLE watches DROP CONSTRAINT watches_pkey CASCADE")  # an index holds less
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        await execute(database, "UPDATE watches SET name = $1, desired_tag = 'v2' WHERE name = 'zoo'", values=(long,))
        assert await next_change(changes) == EVERYTHING


async def test_each_listener_hears_and_one_connection_serves_all(database: Database, feed: PostgresFeed) -> None:

    async def connections() -> int:
        async with database.connection() as connection:
            count: int = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
                SESSION,
            )
        return count

    assert await connections() == 0
    async with feed.listen() as one, feed.listen() as other:
        assert await next_change(one) == await next_change(other) == EVERYTHING
        async with feed.listen() as late:
            assert await next_change(late) == EVERYTHING
            await execute(database, DECIDED)
            assert await next_change(one) == await next_change(other) == await next_change(late) == watch("app")
        assert feed.listeners == 2
        assert await connections() == 1
    assert feed.listeners == 0
    await until(lambda: _is(connections, 0), "the connection stays", within=30)
    async with feed.listen() as again:
        assert await next_change(again) == EVERYTHING


async def test_a_connection_that_is_cut_is_made_again(database: Database, feed: PostgresFeed) -> None:
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        await execute(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert await next_change(changes) == EVERYTHING
        assert feed.problem == ""
        await execute(database, DECIDED)
        assert await next_change(changes) == watch("app")


async def test_postgres_may_be_away_at_first_and_hang_later(private_postgres: EmbeddedPostgres) -> None:
    await asyncio.to_thread(migrate, private_postgres.url)
    database = Database(private_postgres.url, timeout=0.5)
    feed = PostgresFeed(database, pace=QUICK)
    await asyncio.to_thread(private_postgres.stop)
    async with feed.listen() as changes:
        await until(lambda: feed.problem, "no problem is told", within=30)
        await silence(changes)
        await asyncio.to_thread(private_postgres.start)
        assert await next_change(changes, within=60) == EVERYTHING
        assert feed.problem == ""
        async with database.connection() as connection:
            session = await connection.fetchval("SELECT pid FROM pg_stat_activity WHERE application_name = $1", SESSION)
        os.kill(session, signal.SIGSTOP)
        try:
            await until(lambda: feed.problem, "the silence is not noticed", within=30)
        finally:
            os.kill(session, signal.SIGCONT)
        assert await next_change(changes, within=60) == EVERYTHING
    await feed.aclose()
    await database.close()


async def test_its_end_ends_every_iteration(database: Database) -> None:
    feed = PostgresFeed(database, pace=QUICK)
    async with feed.listen() as changes:
        assert await next_change(changes) == EVERYTHING
        await feed.aclose()
        assert [change async for change in changes] == []
    async with feed.listen() as changes:
        assert [change async for change in changes] == []


async def test_nothing_is_lost_by_giving_up_and_little_is_kept_for_the_slow() -> None:
    mailbox = Mailbox()
    with pytest.raises(TimeoutError):
        await next_change(mailbox, within=0.01)
    mailbox.put(watch("app"))
    mailbox.put(Change(deliveries=True))
    assert await next_change(mailbox) == Change(watches=frozenset({"app"}), deliveries=True)
    for _ in range(LARGEST + 1):
        mailbox.put(Change(rollouts=frozenset({str(uuid4())})))
    mailbox.close()
    assert [change async for change in mailbox] == [EVERYTHING]


async def test_what_registries_and_strangers_send_does_not_notify(database: Database) -> None:
    """Thousands a second would wait at the lock that notifying commits share."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT DISTINCT event_object_table AS name FROM information_schema.triggers "
            "WHERE trigger_name LIKE 'feed%'"
        )
    assert {row["name"] for row in rows} == {
        "targets",
        "watches",
        "failures",
        "rollouts",
        "switches",
        "notification_deliveries",
        "audit_log",
        "drifts",
        "event_watches",
        "namespaces",
    }


async def _is(count: Callable[[], Any], expected: int) -> bool:
    found = await count()
    return bool(found == expected)
