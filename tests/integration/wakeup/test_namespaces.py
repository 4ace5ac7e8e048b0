"""The store of followed namespaces: one process each, taken over when its lease ends, and every write is fenced."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.views.queries import PostgresQueries
from app.adapters.postgres.wakeup.namespaces import PostgresNamespaces
from app.domain.job_change import JobIndexes, Namespace, Registering
from app.services.reconcile.result import Result
from app.services.wakeup.namespaces import Following, FollowingLost, LeasedNamespace, ReadTarget
from tests.integration.statements import execute
from tests.seeded_watches import name_of, seed_watches

LEASE = 6.0
MOST = 40
DEFAULT = Namespace(region="", name="default")
EVENTS_COME = Following(streaming=True, heard_index=50)


@pytest.fixture
async def store(database: Database) -> PostgresNamespaces:
    await seed_watches(database, 3, tags=3, states="current")
    return PostgresNamespaces(database)


async def rows(database: Database, query: str) -> list[Any]:
    async with database.connection() as connection:
        return [dict(row) for row in await connection.fetch(query)]


async def due(database: Database) -> list[int]:
    return [row["target_id"] for row in await rows(database, "SELECT target_id FROM wakes ORDER BY target_id")]


async def the_lease(store: PostgresNamespaces) -> LeasedNamespace:
    await store.keep()
    (lease,) = await store.tend({}, LEASE, most=MOST)
    return lease


async def end_lease(database: Database) -> None:
    """As when its holder is frozen for longer than the lease."""
    await execute(database, "UPDATE namespaces SET lease_until = clock_timestamp() - interval '1 second'")


async def test_each_watched_namespace_is_followed_by_one_process(database: Database, store: PostgresNamespaces) -> None:
    await execute(database, "UPDATE targets SET namespace = 'team' WHERE job_id = $1", name_of(2))
    await execute(database, "UPDATE targets SET region = 'eu' WHERE job_id = $1", name_of(3))
    await store.keep()
    first = await store.tend({}, LEASE, most=MOST)
    assert {each.namespace for each in first} == {
        DEFAULT,
        Namespace(region="", name="team"),
        Namespace(region="eu", name="default"),
    }
    assert await store.tend({}, LEASE, most=MOST) == [], "another process gets none of them"
    held = {each.token: EVENTS_COME for each in first}
    assert {each.token for each in await store.tend(held, LEASE, most=MOST)} == set(held)


async def test_one_process_follows_so_many_namespaces_and_another_one_the_rest(
    database: Database, store: PostgresNamespaces
) -> None:
    await execute(database, "UPDATE targets SET namespace = job_id")
    await store.keep()
    first = await store.tend({}, LEASE, most=2)
    assert len(first) == 2
    held = {each.token: EVENTS_COME for each in first}
    assert {each.token for each in await store.tend(held, LEASE, most=2)} == set(held)
    (other,) = await store.tend({}, LEASE, most=2)
    assert other.token not in held


async def test_another_process_takes_over_where_the_first_one_was(
    database: Database, store: PostgresNamespaces
) -> None:
    first = await the_lease(store)
    await store.tend({first.token: EVENTS_COME}, LEASE, most=MOST)
    await end_lease(database)
    (second,) = await store.tend({}, LEASE, most=MOST)
    assert second.token != first.token
    assert second.heard_index == EVENTS_COME.heard_index
    assert [each.token for each in await store.tend({first.token: EVENTS_COME}, LEASE, most=MOST)] == []


async def test_a_clean_stop_lets_another_process_take_over_at_once(store: PostgresNamespaces) -> None:
    first = await the_lease(store)
    await store.release([first.token])
    assert (await the_lease(store)).token != first.token


Write = Callable[[PostgresNamespaces, LeasedNamespace], Awaitable[object]]


@pytest.mark.parametrize(
    "write",
    [
        lambda store, lease: store.make_due(lease, [1]),
        lambda store, lease: store.streaming(lease, 99),
        lambda store, lease: store.refused(lease, "may not"),
        lambda store, lease: store.unavailable(lease, "does not answer", since=3.0),
    ],
    ids=["make_due", "followed", "refused", "away"],
)
@pytest.mark.parametrize("taken", [False, True], ids=["its lease ended", "another has it"])
async def test_who_lost_the_lease_writes_nothing(
    database: Database, store: PostgresNamespaces, write: Write, *, taken: bool
) -> None:
    lost = await the_lease(store)
    await end_lease(database)
    if taken:
        await the_lease(store)
    await execute(database, "UPDATE targets SET outage = 'refused', outage_since = now()")
    before = await rows(database, "SELECT * FROM namespaces")
    with pytest.raises(FollowingLost):
        await write(store, lost)
    assert await rows(database, "SELECT * FROM namespaces") == before
    assert await due(database) == []
    assert await rows(database, "SELECT * FROM notifications") == []


async def test_a_namespace_that_no_watch_names_any_more_is_forgotten(
    database: Database, store: PostgresNamespaces
) -> None:
    lease = await the_lease(store)
    await store.unavailable(lease, "does not answer", since=3.0)
    await execute(database, "UPDATE watches SET present = false")
    await store.keep()
    assert await store.tend({lease.token: EVENTS_COME}, LEASE, most=MOST) == []
    assert await rows(database, "SELECT * FROM namespaces") == []


async def outages(database: Database) -> list[tuple[str, str]]:
    return [(each.name, each.problem) for each in await PostgresQueries(database).outages() if each.name == "Nomad"]


async def test_an_outage_is_one_for_all_jobs_and_people_are_told_once(
    database: Database, store: PostgresNamespaces
) -> None:
    lease = await the_lease(store)
    await execute(database, "INSERT INTO channels VALUES ('slack')")
    assert len(await store.unavailable(lease, "refused", since=2.0)) == 1
    assert await store.unavailable(lease, "refused again", since=4.0) == []
    assert await outages(database) == [("Nomad", "refused again")]
    (row,) = await rows(database, "SELECT extract(epoch FROM now() - outage_since)::float8 AS age FROM namespaces")
    assert 2.0 <= row["age"] < 60.0, "since it began, and not since it was told"
    assert [watch.job_outage for watch in await PostgresQueries(database).watches()] == [None] * 3
    await store.streaming(lease, 60)
    assert await outages(database) == []
    assert len(await store.unavailable(lease, "refused", since=2.0)) == 1, "the next outage is another one"


async def test_a_job_that_stays_refused_hides_no_outage_of_nomad(database: Database, store: PostgresNamespaces) -> None:
    lease = await the_lease(store)
    await execute(
        database,
        "UPDATE targets SET outage = 'job: refused', outage_since = now() - interval '1 hour' WHERE job_id = $1",
        name_of(1),
    )
    (refused,) = await PostgresQueries(database).outages()
    assert (refused.name, refused.problem) == ("Nomad jobs", "job: refused")
    await store.unavailable(lease, "Nomad: does not answer", since=2.0)
    nomad, jobs = await PostgresQueries(database).outages()
    assert (nomad.name, nomad.problem, jobs) == ("Nomad", "Nomad: does not answer", refused)
    assert nomad.since is not None
    assert jobs.since is not None
    assert nomad.since > jobs.since, "each has a time of its own"
    await store.streaming(lease, 60)
    assert await PostgresQueries(database).outages() == (refused,)


async def test_what_jobs_meet_during_nomads_outage_is_the_same_outage(
    database: Database, store: PostgresNamespaces
) -> None:
    await store.unavailable(await the_lease(store), "Nomad: does not answer", since=2.0)
    await execute(database, "UPDATE targets SET outage = 'no leader', outage_since = now()")
    assert [each.name for each in await PostgresQueries(database).outages()] == ["Nomad"]


async def test_an_outage_stays_while_its_follower_is_replaced(database: Database, store: PostgresNamespaces) -> None:
    lease = await the_lease(store)
    await store.unavailable(lease, "refused", since=2.0)
    began = await PostgresQueries(database).outages()
    await store.release([lease.token])
    assert await PostgresQueries(database).outages() == began, "it restarts"
    await execute(database, "UPDATE namespaces SET lease_until = clock_timestamp() - interval '1 hour'")
    assert await PostgresQueries(database).outages() == began, "it died"
    lease = await the_lease(store)
    assert await PostgresQueries(database).outages() == began, "another one has not asked Nomad yet"
    await store.unavailable(lease, "refused", since=2.0)
    assert await PostgresQueries(database).outages() == began
    await store.streaming(lease, 60)
    assert await outages(database) == []


@pytest.mark.parametrize("gone", [False, True], ids=["its follower lives", "its follower is gone"])
async def test_a_worker_that_reads_a_job_ends_an_outage_without_a_follower(
    database: Database, store: PostgresNamespaces, *, gone: bool
) -> None:
    """A living follower may be cut off from Nomad alone: the two would begin and end the outage in turns."""
    lease, targets = await the_lease(store), PostgresTargets(database)
    await store.unavailable(lease, "refused", since=2.0)
    if gone:
        await store.release([lease.token])
    (target_id, *_) = [row["target_id"] for row in await rows(database, "SELECT target_id FROM targets")]
    await execute(database, "UPDATE targets SET due_at = now()")
    claim = await targets.claim(target_id, 10)
    assert claim is not None
    assert claim.nomad_outage, "what it meets is shown for all jobs, whether its follower lives or not"
    await targets.settle(claim, Result(job_read=True))
    assert await outages(database) == ([] if gone else [("Nomad", "refused")])


async def test_what_nomads_outage_held_back_is_due_when_it_is_back(
    database: Database, store: PostgresNamespaces
) -> None:
    lease = await the_lease(store)
    ids = {row["job_id"]: row["target_id"] for row in await rows(database, "SELECT job_id, target_id FROM targets")}
    later = "due_at = clock_timestamp() + interval '20 seconds', attempts = 3"
    await execute(database, "UPDATE targets SET outage = 'refused' WHERE job_id = $1", name_of(1))
    await execute(database, f"UPDATE targets SET inspect_job = true, {later} WHERE job_id = $1", name_of(2))
    await execute(database, f"UPDATE targets SET inspect_job = true, {later} WHERE job_id = $1", name_of(3))
    await execute(database, "UPDATE watches SET outage = 'slow down' WHERE name = $1", name_of(3))
    expected = [ids[name_of(1)], ids[name_of(2)]]
    assert sorted(await store.streaming(lease, 60)) == expected
    assert await due(database) == expected


async def test_a_refusal_is_news_once_and_is_no_outage(database: Database, store: PostgresNamespaces) -> None:
    lease = await the_lease(store)
    assert await store.refused(lease, "give it read-job")
    assert not await store.refused(lease, "give it read-job")
    assert await outages(database) == []
    await store.streaming(lease, 60)
    assert await store.refused(lease, "give it read-job")


async def test_only_watched_jobs_are_known(database: Database, store: PostgresNamespaces) -> None:
    await execute(database, "UPDATE watches SET present = false WHERE name = $1", name_of(2))
    await execute(database, "UPDATE targets SET job_read_at = NULL WHERE job_id = $1", name_of(3))
    found = await store.targets(DEFAULT, [name_of(1), name_of(2), "unwatched", "nul\0"])
    assert list(found) == [name_of(1)]
    assert found[name_of(1)].rollout is None
    read = JobIndexes(job_index=10, create_index=1)
    assert await store.read_targets(DEFAULT) == {
        name_of(1): ReadTarget(target_id=found[name_of(1)].target_id, indexes=read)
    }
    assert await store.targets(Namespace(region="", name="team"), [name_of(1)]) == {}


@pytest.mark.parametrize(
    ("state", "expected_index", "submission_index", "rollout"),
    [
        ("requested", None, None, None),
        ("requested", 10, None, Registering(index=None)),
        ("submitted", 10, 77, Registering(index=77)),
    ],
)
async def test_a_rollout_counts_from_the_moment_when_its_patch_is_written(
    database: Database,
    store: PostgresNamespaces,
    state: str,
    expected_index: int | None,
    submission_index: int | None,
    rollout: Registering | None,
) -> None:
    await execute(
        database,
        "INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, expected_index, submission_index) "
        "SELECT $1, target_id, 99, 'rule', $2, $3, $4 FROM targets WHERE job_id = $5",
        uuid4(),
        state,
        expected_index,
        submission_index,
        name_of(1),
    )
    assert (await store.targets(DEFAULT, [name_of(1)]))[name_of(1)].rollout == rollout


async def test_a_claim_knows_whether_its_job_is_followed(database: Database, store: PostgresNamespaces) -> None:
    targets, lease = PostgresTargets(database), await the_lease(store)
    (target_id, *_) = [row["target_id"] for row in await rows(database, "SELECT target_id FROM targets")]

    async def claimed() -> tuple[bool, bool]:
        await execute(database, "UPDATE targets SET lease_until = NULL, due_at = now()")
        claim = await targets.claim(target_id, 10)
        assert claim is not None
        return claim.follows_job, claim.nomad_outage

    assert await claimed() == (False, False), "nobody has heard anything yet"
    await store.streaming(lease, 60)
    assert await claimed() == (True, False)
    await store.unavailable(lease, "refused", since=2.0)
    assert await claimed() == (False, True)
    await store.refused(lease, "may not")
    assert await claimed() == (False, False)
    await store.streaming(lease, 60)
    await execute(database, "UPDATE namespaces SET streaming_at = clock_timestamp() - interval '16 seconds'")
    assert await claimed() == (False, False), "its events stopped"
