"""The API's queries: every watch as the last reconcile left it, with a fixed number of statements."""

from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.queries import PostgresQueries
from app.domain.decision import HoldReason
from app.domain.deployment import DeploymentPhase, DeploymentState, Diagnosis, LogTail
from app.domain.reference import Repository
from app.domain.rollout import OutcomeKind, RolloutState
from app.domain.watch import JobPlace, Watch
from app.services.views.queries import TaskView
from tests.integration.statements import execute

APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="web"),
    task="server",
)
DIGEST = "sha256:" + "a" * 64

CHECKED_AT = """
UPDATE watches SET tags = '{v1.0.0,v1.1.0}', tags_read_at = now(), desired_tag = 'v1.1.0', desired_digest = $1,
  specified = '[{"task": "g/server", "image": "team/app:v1.0.0", "tag": "v1.0.0", "digest": ""}]', commanded_at = now()
WHERE name = 'app'
"""
DECIDED = """
WITH made AS (
  INSERT INTO decisions (watch_name, kind, reason, message, tag, digest, reconciles, last_at)
  VALUES ('app', 'hold', 'auto_deploy_off', 'auto deploy is off', 'v1.1.0', $1, 7, now() + interval '1 s')
  RETURNING decision_id)
UPDATE watches SET decision_id = made.decision_id FROM made WHERE name = 'app'
"""
ROLLOUT = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, requested_by, state, outcome, reason, ended_at, changes)
SELECT $1, target_id, $2, 'rule', '', 'ended', 'failed', 'an allocation failed', now(), $3
FROM watches WHERE name = 'app'
"""
ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, from_images, message)
VALUES ($1, 'app', 'v1.0.0', $2, false, '{"g/server": "team/app:v0.9.0"}', 'v1.0.0 follows v0.9.0')
"""


@pytest.fixture
async def queries(database: Database) -> PostgresQueries:
    await PostgresWatches(database).sync([APP, replace(APP, name="zoo"), replace(APP, name="bar")], at_start=False)
    return PostgresQueries(database)


async def test_an_unchecked_watch_has_only_its_place(queries: PostgresQueries) -> None:
    view = await queries.watch("app")
    assert view is not None
    assert view.repository == "registry.example/team/app"
    assert (view.desired, view.specified, view.decision, view.rollout) == ("", (), None, None)
    assert view.due
    assert await queries.watch("unknown") is None
    assert await queries.watch("app\0") is None


async def test_a_watch_has_everything_that_a_reconcile_stored(database: Database, queries: PostgresQueries) -> None:
    rollout_id = uuid4()
    await execute(database, CHECKED_AT, DIGEST)
    await execute(database, DECIDED, DIGEST)
    await execute(database, ROLLOUT, rollout_id, 1, [{"key": "g/server", "image": f"team/app:v1.0.0@{DIGEST}"}])
    await execute(database, ITEM, rollout_id, DIGEST)

    view = await queries.watch("app")
    assert view is not None
    assert view.tags == ("v1.0.0", "v1.1.0")
    assert (view.desired, view.desired_digest) == ("v1.1.0", DIGEST)
    assert view.specified == (TaskView(task="g/server", image="team/app:v1.0.0", tag="v1.0.0", digest=""),)
    assert view.decision is not None
    assert (view.decision.reason, view.decision.reconciles) == (HoldReason.AUTO_DEPLOY_OFF, 7)
    assert view.rollout is not None
    assert (view.rollout.outcome, view.rollout.what) == (OutcomeKind.FAILED, "app v1.0.0")

    rollout = await queries.rollout(rollout_id)
    assert rollout is not None
    assert rollout.summary == replace(view.rollout, what="app v1.0.0")
    assert rollout.summary.state is RolloutState.ENDED
    assert rollout.changes == {"g/server": f"team/app:v1.0.0@{DIGEST}"}
    assert rollout.items[0].from_images == {"g/server": "team/app:v0.9.0"}
    assert rollout.place == APP.place
    assert await queries.rollout(uuid4()) is None


async def test_watches_come_in_the_configurations_order_and_only_those_that_are_there(
    database: Database, queries: PostgresQueries
) -> None:
    assert [view.name for view in await queries.watches()] == ["app", "zoo", "bar"]
    await PostgresWatches(database).sync([replace(APP, name="bar"), APP], at_start=False)
    assert [view.name for view in await queries.watches()] == ["bar", "app"]


async def test_rollouts_come_newest_first_and_bounded(database: Database, queries: PostgresQueries) -> None:
    ids = [uuid4() for _ in range(3)]
    for intent, rollout_id in enumerate(ids):
        await execute(database, ROLLOUT, rollout_id, intent, [])
        await execute(database, ITEM, rollout_id, DIGEST)
    assert [each.rollout_id for each in await queries.rollouts(limit=2)] == [ids[2], ids[1]]
    view = await queries.watch("app")
    assert view is not None
    assert view.rollout is not None
    assert view.rollout.rollout_id == ids[2]


async def test_an_outage_is_listed_one_time_with_its_earliest_start(
    database: Database, queries: PostgresQueries
) -> None:
    assert await queries.outages() == ()
    await execute(
        database,
        "UPDATE watches SET outage = name, outage_since = now() - position * interval '1 hour' WHERE name <> 'app'",
    )
    await execute(database, "UPDATE targets SET outage = 'no leader', outage_since = now()")
    registry, jobs = sorted(await queries.outages(), key=lambda each: each.name, reverse=True)
    assert (registry.name, registry.problem) == ("registry main", "bar")
    assert (jobs.name, jobs.problem) == ("Nomad jobs", "no leader")
    watches = await queries.watches()
    assert watches[2].registry_outage is not None
    assert watches[0].registry_outage is None


class Counting(Database):
    """A Database that counts the statements asked of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.statements = 0

    def connection(self) -> Any:
        counting = self

        class Connection:
            async def __aenter__(self) -> Any:
                self._opened = counting._database.connection()
                self._connection = await self._opened.__aenter__()
                return self

            async def __aexit__(self, *error: Any) -> Any:
                return await self._opened.__aexit__(*error)

            def __getattr__(self, name: str) -> Any:
                counting.statements += 1
                return getattr(self._connection, name)

        return Connection()


async def test_all_watches_take_as_many_statements_however_many_they_are(database: Database) -> None:
    taken = []
    for count in (1, 300):
        await PostgresWatches(database).sync(
            [replace(APP, name=f"app-{number}") for number in range(count)], at_start=False
        )
        counting = Counting(database)
        assert len(await PostgresQueries(counting).watches()) == count
        taken.append(counting.statements)
    assert taken[0] == taken[1]


async def test_a_rollout_has_its_cause_of_failure_and_its_undo(database: Database, queries: PostgresQueries) -> None:
    failed, undo = uuid4(), uuid4()
    for number, rollout_id in enumerate((failed, undo), start=1):
        await execute(database, ROLLOUT, rollout_id, number, [])
        await execute(database, ITEM, rollout_id, DIGEST)
    deployment = DeploymentState(
        deployment_id="d1",
        phase=DeploymentPhase.FAILED,
        description="Failed due to unhealthy allocations",
        desired=1,
        placed=1,
        healthy=0,
        unhealthy=1,
    )
    log = LogTail(task="g/server", allocation_id="a1", text="panic")
    diagnosis = Diagnosis(findings=("g/server: the task exited with code 1",), logs=(log,), logs_denied=False)
    await execute(
        database,
        "UPDATE rollouts SET deployment = $2, diagnosis = $3 WHERE rollout_id = $1",
        failed,
        asdict(deployment),
        asdict(diagnosis),
    )
    await execute(database, "UPDATE rollouts SET undoes = $2, origin = 'undo' WHERE rollout_id = $1", undo, failed)
    await execute(database, "UPDATE rollout_watches SET from_tag = 'v0.9.0', from_digest = $1", DIGEST)

    view = await queries.rollout(failed)
    assert view is not None
    assert (view.summary.deployment, view.diagnosis) == (deployment, diagnosis)
    assert (view.summary.undoes, view.summary.undone_by, view.summary.awaits_promotion) == (None, undo, False)
    assert (view.items[0].from_tag, view.items[0].from_digest) == ("v0.9.0", DIGEST)
    back = await queries.rollout(undo)
    assert back is not None
    assert (back.summary.undoes, back.diagnosis, back.summary.deployment) == (failed, None, None)
    assert {each.rollout_id: each.undone_by for each in await queries.rollouts(limit=9)} == {failed: undo, undo: None}


async def test_a_watch_has_the_outage_of_its_running_image(database: Database, queries: PostgresQueries) -> None:
    await execute(
        database,
        "UPDATE watches SET source_stale = 'two literals', missing_image = 'gone', missing_image_since = now(), "
        "promote_after = 30, revert_on_failure = false, rolled_back_at = now() WHERE name = 'app'",
    )
    await execute(
        database, "INSERT INTO failures VALUES ('app', 'sha256:old', gen_random_uuid(), now() - interval '1 h')"
    )
    await execute(database, "INSERT INTO failures VALUES ('app', 'sha256:new', gen_random_uuid())")
    view = await queries.watch("app")
    assert view is not None
    assert view.missing_image is not None
    assert (view.source_stale, view.missing_image.problem, view.failed) == (
        "two literals",
        "gone",
        ("sha256:new", "sha256:old"),
    )
    assert (view.promote_after, view.revert_on_failure) == (30.0, False)
    assert view.rolled_back_at is not None
    await execute(database, "INSERT INTO found_digests (watch_name, digest, tag) VALUES ('app', $1, 'v9.0.0')", DIGEST)
    later = await queries.watch("app")
    assert later is not None
    assert later.rolled_back_at is None
