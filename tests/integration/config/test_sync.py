"""The configured watches in Postgres: which appear, change and go, and what they keep."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.domain.reference import Repository
from app.domain.watch import DeployBy, JobPlace, Watch
from app.errors import StoreUnavailable
from app.services.config.sync import Synced, sync
from tests.integration.statements import execute

PLACE = JobPlace(region="", namespace="default", job_id="web")
APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=PLACE,
    task="server",
)
SIDECAR = replace(APP, name="sidecar", repository=Repository.of("registry.example", "team/sidecar"), task="sidecar")
ELSEWHERE = replace(PLACE, job_id="elsewhere")

CHECKED_AT = """
UPDATE watches SET pinned_tag = 'v1', auto_deploy = false, tags = '{v1}', tags_read_at = now(), desired_tag = 'v1',
  desired_digest = 'd1', specified = '[{"tag": "v1"}]', job_create_index = 7, digests = '{"i": "d"}',
  digest_tags = '{"d": "v1"}', baseline_release = 'v1', expected = '{"g/t": "i"}', rebaseline = true,
  drifted_at = now(), drift_images = '{"g/t": "i"}', outage = 'x', outage_since = now(), rolled_back_at = now(),
  source_stale = 'x', missing_image = 'x', missing_image_since = now(), missing_image_checked_at = now(),
  hold = 'failed_before';
INSERT INTO found_digests (watch_name, digest, tag) SELECT name, 'd1', 'v1' FROM watches;
INSERT INTO failures (watch_name, digest, rollout_id) SELECT name, 'd0', gen_random_uuid() FROM watches;
INSERT INTO found_tags (watch_name, tag) SELECT name, 'v1' FROM watches;
UPDATE targets SET inspect_job = false, due_at = NULL, lease_token = gen_random_uuid(),
  lease_until = now() + interval '1 hour';
DELETE FROM wakes
"""

HISTORY = """
SELECT tags, tags_read_at, desired_tag, desired_digest, specified, job_create_index, digests, digest_tags,
  baseline_release, expected, rebaseline, drifted_at, drift_images, decision_id, outage, outage_since, rolled_back_at,
  source_stale, missing_image, missing_image_since, missing_image_checked_at, hold FROM watches WHERE name = $1
"""


@pytest.fixture
def store(database: Database) -> PostgresWatches:
    return PostgresWatches(database)


async def rows(database: Database, query: str, *values: object) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        return [dict(row) for row in await connection.fetch(query, *values)]


async def row(database: Database, query: str, *values: object) -> dict[str, Any]:
    (found,) = await rows(database, query, *values)
    return found


async def target(database: Database, job_id: str) -> dict[str, Any]:
    return await row(
        database,
        "SELECT target_id, lease_token, (SELECT count(*) FROM wakes w WHERE w.target_id = t.target_id) AS wakes "
        "FROM targets t WHERE job_id = $1",
        job_id,
    )


async def test_a_first_configuration_is_written_in_its_order_and_is_due(
    database: Database, store: PostgresWatches
) -> None:
    other = replace(
        APP,
        name="Other",
        place=JobPlace(region="eu", namespace="ops", job_id="x/y"),
        group="g",
        deploy_by=DeployBy.TAG,
        observe_only=True,
        promote_after=600.5,
        revert_on_failure=False,
    )
    reconciled = await sync(store, [SIDECAR, APP, other])
    assert reconciled.added == ("sidecar", "app", "Other")
    assert (reconciled.changed, reconciled.removed) == ((), ())
    written = await rows(
        database,
        "SELECT name, registry, repository_host, repository_path, task, group_name, deploy_by, observe_only, present,"
        " promote_after, revert_on_failure, pinned_tag, auto_deploy, region, namespace, job_id"
        " FROM watches JOIN targets USING (target_id) ORDER BY position",
    )
    assert [each["name"] for each in written] == ["sidecar", "app", "Other"]
    assert written[2] == {
        "name": "Other",
        "registry": "main",
        "repository_host": "registry.example",
        "repository_path": "team/app",
        "task": "server",
        "group_name": "g",
        "deploy_by": "tag",
        "observe_only": True,
        "promote_after": 600.5,
        "revert_on_failure": False,
        "present": True,
        "pinned_tag": "",
        "auto_deploy": True,
        "region": "eu",
        "namespace": "ops",
        "job_id": "x/y",
    }
    assert (await target(database, "web"))["wakes"] == 1
    assert reconciled.due == tuple(sorted(each["target_id"] for each in await rows(database, "TABLE targets")))


async def test_the_same_again_writes_nothing(database: Database, store: PostgresWatches) -> None:
    soaks = replace(SIDECAR, promote_after=0.1)
    await sync(store, [APP, soaks])
    before = await rows(database, "SELECT xmin::text, * FROM watches"), await rows(database, "TABLE targets")
    assert await sync(store, [APP, soaks]) == Synced()
    assert before == (await rows(database, "SELECT xmin::text, * FROM watches"), await rows(database, "TABLE targets"))


async def test_many_processes_at_once_write_it_once(database: Database, store: PostgresWatches) -> None:
    results = await asyncio.gather(*(sync(store, [APP, SIDECAR]) for _ in range(6)))
    assert sorted(result.added for result in results) == [()] * 5 + [("app", "sidecar")]
    assert (await target(database, "web"))["wakes"] == 1


async def test_another_order_alone_makes_nothing_due(database: Database, store: PostgresWatches) -> None:
    await sync(store, [APP, SIDECAR])
    assert await sync(store, [SIDECAR, APP]) == Synced()
    assert [each["name"] for each in await rows(database, "SELECT name FROM watches ORDER BY position")] == [
        "sidecar",
        "app",
    ]


async def test_at_start_every_watched_target_is_due(database: Database, store: PostgresWatches) -> None:
    gone = replace(APP, name="gone", place=ELSEWHERE)
    await sync(store, [APP, gone])
    await sync(store, [APP])
    await execute(database, "DELETE FROM wakes")
    reconciled = await sync(store, [APP], at_start=True)
    web, elsewhere = await target(database, "web"), await target(database, "elsewhere")
    assert (web["wakes"], elsewhere["wakes"]) == (1, 0)
    assert reconciled == Synced(due=(web["target_id"],))


async def test_a_back_off_ends_at_start_and_what_was_due_stays_due(database: Database, store: PostgresWatches) -> None:
    await sync(store, [APP, replace(SIDECAR, place=ELSEWHERE)])
    await execute(
        database,
        "UPDATE targets SET attempts = 9, due_at = CASE job_id WHEN 'web' THEN now() + interval '1 hour'"
        " ELSE now() - interval '1 hour' END; DELETE FROM wakes",
    )
    reconciled = await sync(store, [APP, replace(SIDECAR, place=ELSEWHERE)], at_start=True)
    for target_id in reconciled.due:
        claim = await PostgresTargets(database).claim(target_id, 4)
        assert claim is not None
        assert (claim.inspect_job, claim.attempts) == (True, 0)
    assert await rows(database, "SELECT 1 FROM wakes") == []
    waiting = await row(database, "SELECT due_at < now() - interval '59 minutes' AS since FROM targets"
                        " WHERE job_id = 'elsewhere'")  # fmt: skip
    assert waiting["since"]


async def test_a_changed_setting_keeps_the_history_and_is_due(database: Database, store: PostgresWatches) -> None:
    await sync(store, [APP])
    await execute(database, CHECKED_AT)
    before = await row(database, HISTORY, "app")
    changed = replace(APP, observe_only=True, deploy_by=DeployBy.TAG, task="other", group="g", registry="second")
    reconciled = await sync(store, [changed])
    assert (reconciled.added, reconciled.changed) == ((), ("app",))
    assert await row(database, HISTORY, "app") == before
    written = await row(database, "SELECT registry, deploy_by, observe_only, task, group_name FROM watches")
    assert written == {
        "registry": "second",
        "deploy_by": "tag",
        "observe_only": True,
        "task": "other",
        "group_name": "g",
    }
    web = await target(database, "web")
    assert web["wakes"] == 1
    assert web["lease_token"] is not None


@pytest.mark.parametrize("changed", [replace(APP, promote_after=60.0), replace(APP, revert_on_failure=False)])
async def test_a_changed_deploy_setting_makes_the_target_due(
    changed: Watch, database: Database, store: PostgresWatches
) -> None:
    await sync(store, [APP])
    await execute(database, CHECKED_AT)
    assert (await sync(store, [changed])).changed == ("app",)
    web = await target(database, "web")
    assert web["wakes"] == 1
    assert await sync(store, [changed]) == Synced()


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param(replace(APP, place=ELSEWHERE), id="another job"),
        pytest.param(replace(APP, place=replace(PLACE, namespace="ops")), id="another namespace"),
        pytest.param(replace(APP, repository=Repository.of("registry.example", "team/new")), id="another repository"),
    ],
)
async def test_a_moved_watch_gets_a_new_baseline_and_keeps_its_rule(
    moved: Watch, database: Database, store: PostgresWatches
) -> None:
    await sync(store, [APP, SIDECAR])
    fresh = await row(database, HISTORY, "app")
    await execute(database, CHECKED_AT)
    neighbour = await row(database, HISTORY, "sidecar")
    reconciled = await sync(store, [moved, SIDECAR])
    assert (reconciled.added, reconciled.changed) == ((), ("app",))
    assert await row(database, HISTORY, "app") == fresh
    assert await row(database, "SELECT pinned_tag, auto_deploy FROM watches WHERE name = 'app'") == {
        "pinned_tag": "v1",
        "auto_deploy": False,
    }
    assert await row(database, HISTORY, "sidecar") == neighbour
    assert await rows(
        database,
        "SELECT watch_name FROM found_digests UNION SELECT watch_name FROM failures "
        "UNION SELECT watch_name FROM found_tags",
    ) == [{"watch_name": "sidecar"}]
    assert await rows(database, "SELECT 1 FROM watches JOIN wakes USING (target_id) WHERE name = 'app'") != []


async def test_a_reconcile_of_the_old_target_of_a_moved_watch_cannot_write(
    database: Database, store: PostgresWatches
) -> None:
    await sync(store, [APP, SIDECAR])
    await execute(database, CHECKED_AT)
    await sync(store, [replace(APP, place=ELSEWHERE), SIDECAR])
    left = await target(database, "web")
    assert (left["lease_token"], left["wakes"]) == (None, 1)


async def test_a_target_that_nobody_watches_any_more_is_not_made_due(
    database: Database, store: PostgresWatches
) -> None:
    await sync(store, [APP])
    await execute(database, CHECKED_AT)
    await sync(store, [replace(APP, place=ELSEWHERE)])
    left = await target(database, "web")
    assert (left["lease_token"], left["wakes"]) == (None, 0)


async def test_a_watch_that_goes_and_returns_keeps_rule_and_history(database: Database, store: PostgresWatches) -> None:
    await sync(store, [APP, SIDECAR])
    await execute(database, CHECKED_AT)
    before = await row(database, "SELECT * FROM watches WHERE name = 'app'")
    assert (await sync(store, [SIDECAR])).removed == ("app",)
    assert (await row(database, "SELECT present FROM watches WHERE name = 'app'"))["present"] is False
    assert (await sync(store, [SIDECAR])) == Synced()
    assert (await sync(store, [APP, SIDECAR])).added == ("app",)
    assert await row(database, "SELECT * FROM watches WHERE name = 'app'") == before
    assert (await target(database, "web"))["wakes"]
    assert await rows(database, "SELECT name FROM watches WHERE name IN (SELECT watch_name FROM failures)"
                      " ORDER BY 1") == [{"name": "app"}, {"name": "sidecar"}]  # fmt: skip


async def test_a_watch_that_returns_to_another_job_starts_anew(database: Database, store: PostgresWatches) -> None:
    await sync(store, [APP])
    fresh = await row(database, HISTORY, "app")
    await execute(database, CHECKED_AT)
    await sync(store, [])
    reconciled = await sync(store, [replace(APP, place=ELSEWHERE)])
    assert (reconciled.added, reconciled.changed) == (("app",), ())
    assert await row(database, HISTORY, "app") == fresh
    assert (await row(database, "SELECT pinned_tag FROM watches"))["pinned_tag"] == "v1"


TEN_THOUSAND = [replace(APP, name=f"app-{n}", place=replace(PLACE, job_id=f"job-{n}")) for n in range(10_000)]


async def test_ten_thousand_watches_are_synced_in_one_transaction(database: Database, store: PostgresWatches) -> None:
    assert len((await sync(store, TEN_THOUSAND)).due) == 10_000
    assert await sync(store, TEN_THOUSAND) == Synced()


async def test_no_long_silence_ends_the_transaction_that_compares_thousands(
    database: Database, database_url: str, store: PostgresWatches
) -> None:
    """Postgres ends the session of a process that says nothing within a transaction: the bound here is a quarter of the
    whole, and each part of the comparison much shorter."""
    await sync(store, TEN_THOUSAND)
    began = time.monotonic()
    await sync(store, TEN_THOUSAND)
    strict = Database(database_url, limits=SessionLimits(idle_in_transaction=(time.monotonic() - began) / 4))
    assert await sync(PostgresWatches(strict), TEN_THOUSAND) == Synced()
    await strict.close()


async def test_a_database_without_migrations_is_named_with_the_fix(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(StoreUnavailable, match="registrywatcher migrate"):
        await sync(PostgresWatches(database), [APP])
    await database.close()
