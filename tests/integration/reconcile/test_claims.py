"""What a claim has of its target: every column that a reconcile reads, and only its own rows."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.domain.event import EventAction
from app.domain.job import TaskKey
from app.domain.reasons import Commanded
from app.domain.reference import Repository
from app.domain.rollout import Origin
from app.domain.watch import DeployBy, JobPlace
from app.services.reconcile.claim import LaunchItem
from tests.integration.reconcile.target import D1, D2, D3, IMAGE, Around

AT = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 10)]

_TARGET = """
UPDATE targets SET generation = 5, polled = true, inspect_job = true, attempts = 4, job_read_at = $2,
  foreign_progress = 'd 1', foreign_since = $3, outage = 'away', queued_since = $4 WHERE target_id = $1
"""
_WATCH = """
UPDATE watches SET group_name = 'app', deploy_by = 'tag', observe_only = true, promote_after = 60,
  revert_on_failure = false, pinned_tag = 'v1', auto_deploy = false, tags = '{v1,v2}', tags_read_at = $1,
  desired_tag = 'v1', desired_digest = $2, job_create_index = 3, digests = '{"a": "b"}', digest_tags = '{"b": "v1"}',
  baseline_release = 'v0', expected = '{"app/server": "x"}', expected_intent = 6, rebaseline = true, drifted_at = $3,
  drift_images = '{"app/server": "y"}', commanded_at = $4, rolled_back_at = $5, rolled_back_by = 'bob',
  rolled_back_reason = 'slow', pinned_by = 'ann', pinned_at = $6, pinned_reason = 'fair', switched_by = 'eve',
  switched_at = $7, switched_reason = 'night', missing_image = 'gone', missing_image_checked_at = $8,
  specified = '[{"task": "app/server", "image": "i", "identity": "n", "tag": "v1", "digest": "d"},
                {"task": "b/server", "image": "i", "identity": "n", "tag": "", "digest": "d"}]'
WHERE name = 'app'
"""


async def test_a_claim_has_the_targets_state(around: Around) -> None:
    target = await around.add()
    await around.run(_TARGET, target, AT[0], AT[1], AT[2])
    await around.run("UPDATE switches SET paused = true, changed_by = 'ann', changed_at = $1, reason = 'fair'", AT[3])
    found = await around.claim(target)
    assert (found.target_id, found.place) == (target, JobPlace(region="", namespace="default", job_id="app"))
    assert (found.generation, found.polled, found.inspect_job, found.attempts) == (5, True, True, 4)
    assert (found.job_read_at, found.foreign_progress, found.foreign_since) == (AT[0], "d 1", AT[1])
    assert (found.outage, found.queued_since, found.paused) == ("away", AT[2], True)
    assert found.pause == Commanded(by="ann", at=AT[3], reason="fair")
    assert (found.rollout, found.stalled_index, found.follows_job, found.nomad_outage) == (None, 0, False, False)
    assert abs((found.now - datetime.now(UTC)).total_seconds()) < 60


async def test_a_claim_has_the_watchs_settings_rule_and_records(around: Around) -> None:
    target = await around.add()
    await around.add("other")
    await around.run(_WATCH, AT[0], D1, *AT[1:7])
    (found,) = (await around.claim(target)).watches
    watch = found.watch
    assert (watch.name, watch.registry, watch.task, watch.group) == ("app", "main", "server", "app")
    assert watch.repository == Repository(host="registry.example", path="team/app")
    assert (watch.deploy_by, watch.observe_only, watch.place.job_id) == (DeployBy.TAG, True, "app")
    assert (watch.promote_after, watch.revert_on_failure) == (60.0, False)
    assert (found.rule.pinned_tag, found.auto_deploy, found.tags, found.tags_read_at) == (
        "v1",
        False,
        ("v1", "v2"),
        AT[0],
    )
    assert (found.desired_tag, found.desired_digest, found.specified_tags) == ("v1", D1, ("v1",))
    assert (found.job_create_index, found.rebaseline, found.expected_intent) == (3, True, 6)
    assert (found.drifted_at, found.drift_images, found.commanded_at) == (AT[1], {"app/server": "y"}, AT[2])
    history = found.history
    assert (history.digests, history.tags, history.baseline_release) == ({"a": "b"}, {"b": "v1"}, "v0")
    assert history.expected == {"app/server": "x"}
    assert (found.missing_image, found.missing_image_checked_at) == ("gone", AT[6])
    assert found.rolled_back_at == AT[3]
    commands = found.commands
    assert commands.rollback == Commanded(by="bob", at=AT[3], reason="slow")
    assert commands.pin == Commanded(by="ann", at=AT[4], reason="fair")
    assert commands.switch == Commanded(by="eve", at=AT[5], reason="night")


async def test_a_watch_that_is_new_has_no_records(around: Around) -> None:
    (found,) = (await around.claim(await around.add())).watches
    history = found.history
    assert (history.failed, history.failure_causes, history.released) == (frozenset(), {}, frozenset())
    assert (history.not_placed, history.failed_elsewhere, found.newest_found_at) == ("", {}, None)
    assert (found.events, found.in_flight, found.period_images) == ((), (), frozenset())


async def test_watches_come_in_the_order_of_the_configuration_without_those_that_left_it(around: Around) -> None:
    target, other = await around.add(), await around.add("b")
    await around.add("c")
    await around.run("UPDATE watches SET target_id = $1, position = 2 WHERE name = 'app'", target)
    await around.run("UPDATE watches SET target_id = $1, position = 1 WHERE name = 'b'", target)
    await around.run("UPDATE watches SET target_id = $1, present = false WHERE name = 'c'", target)
    assert [each.watch.name for each in (await around.claim(target)).watches] == ["b", "app"]
    assert (await around.claim(other)).watches == ()


_FAILURE = """
INSERT INTO failures (watch_name, digest, rollout_id, cause, released_at)
VALUES ($1, $2, gen_random_uuid(), $3, CASE WHEN $4 THEN now() END)
"""


async def test_failures_hold_until_they_are_released(around: Around) -> None:
    target = await around.add()
    await around.add("other")
    await around.run(_FAILURE, "app", D1, "it crashed", False)
    await around.run(_FAILURE, "app", D2, "it was slow", True)
    await around.run(_FAILURE, "other", D3, "another", False)
    (found,) = (await around.claim(target)).watches
    assert (found.history.failed, found.history.failure_causes) == (frozenset({D1}), {D1: "it crashed"})
    assert (found.history.released, found.history.failed_elsewhere) == (frozenset({D2}), {})


async def test_a_failure_of_the_same_repository_on_another_job_is_known(around: Around) -> None:
    target = await around.add()
    for name, digest, path, host, present in (
        ("same", D1, "team/app", "registry.example", True),
        ("path", D2, "team/path", "registry.example", True),
        ("host", D2, "team/app", "another.example", True),
        ("left", D2, "team/app", "registry.example", False),
    ):
        await around.add(name)
        await around.run(_FAILURE, name, digest, "", False)
        await around.run(
            "UPDATE watches SET repository_path = $2, repository_host = $3, present = $4 WHERE name = $1",
            name,
            path,
            host,
            present,
        )
    await around.run(_FAILURE, "same", D3, "", True)
    await around.run(_FAILURE, "app", D2, "", False)
    (found,) = (await around.claim(target)).watches
    assert found.history.failed_elsewhere == {D1: "same"}


async def ended(around: Around, target: int, number: int, *, outcome: str, phase: str, watch: str = "app") -> None:
    await around.add_rollout(target, number=number, watch=watch)
    await around.run(
        "UPDATE rollouts SET state = 'ended', ended_at = now(), outcome = $2, submission_index = intent + 10, "
        "deployment = jsonb_build_object('phase', $3::text) WHERE rollout_id = $1",
        UUID(int=number),
        outcome,
        phase,
    )


@pytest.mark.parametrize(
    ("outcome", "phase", "not_placed", "stalled_index"),
    [("stalled", "failed", D2, 12), ("stalled", "active", "", 12), ("failed", "failed", "", 0)],
)
async def test_the_newest_rollout_says_what_nomad_gave_up(
    around: Around, outcome: str, phase: str, not_placed: str, stalled_index: int
) -> None:
    target, other = await around.add(), await around.add("other")
    await ended(around, target, 1, outcome="succeeded", phase="successful")
    await ended(around, target, 2, outcome=outcome, phase=phase)
    await ended(around, other, 3, outcome="stalled", phase="failed", watch="other")
    found = await around.claim(target)
    assert (found.watches[0].history.not_placed, found.stalled_index) == (not_placed, stalled_index)
    assert (await around.claim(other)).stalled_index == 13


async def test_an_older_rollout_says_nothing(around: Around) -> None:
    target = await around.add()
    await ended(around, target, 1, outcome="stalled", phase="failed")
    await ended(around, target, 2, outcome="succeeded", phase="successful")
    assert (await around.claim(target)).watches[0].history.not_placed == ""


async def test_the_newest_digest_that_was_found_counts(around: Around) -> None:
    target = await around.add()
    await around.add("other")
    for name, digest, at in (("app", D1, AT[0]), ("app", D2, AT[1]), ("other", D1, AT[2])):
        await around.run(
            "INSERT INTO found_digests (watch_name, digest, tag, first_found_at) VALUES ($1, $2, 'v1', $3)",
            name,
            digest,
            at,
        )
    assert (await around.claim(target)).watches[0].newest_found_at == AT[1]


async def test_open_events_come_the_newest_first_to_their_own_watch(around: Around) -> None:
    target = await around.add()
    await around.add("other")
    await around.run("UPDATE watches SET target_id = $1", target)
    delivery = uuid4()
    await around.run(
        "INSERT INTO deliveries (delivery_id, source, size, ignored, received_at) "
        "VALUES ($1, 'main', 1, 0, now() - interval '90 seconds')",
        delivery,
    )
    for tag, digest, watch, is_open in (
        ("v1", D1, "app", True),
        ("v2", None, "app", True),
        ("v3", D1, "app", False),
        ("v4", D1, "other", True),
    ):
        await around.run(
            "WITH made AS (INSERT INTO events (delivery_id, source, action, path, tag, digest) "
            "VALUES ($1, 'main', 'push', 'team/app', $2, $3) RETURNING event_id) "
            "INSERT INTO event_watches (event_id, watch_name, before_digest, attempts, settled_at) "
            "SELECT event_id, $4, $6, 2, CASE WHEN NOT $5 THEN now() END FROM made",
            delivery,
            tag,
            digest,
            watch,
            is_open,
            D3,
        )
    found = {each.watch.name: each.events for each in (await around.claim(target)).watches}
    assert [(each.tag, each.digest) for each in found["app"]] == [("v2", ""), ("v1", D1)]
    assert [each.tag for each in found["other"]] == ["v4"]
    newest, oldest = found["app"]
    assert newest.event_id > oldest.event_id
    assert (newest.action, newest.attempts, newest.before) == (EventAction.PUSH, 2, D3)
    assert newest.age == pytest.approx(90, abs=30)


async def test_the_open_rollout_comes_with_its_patch_and_items(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await ended(around, target, 1, outcome="succeeded", phase="successful")
    await around.run("UPDATE rollout_watches SET from_digest = $1, from_images = $2", D2, {"app/server": "former"})
    rollout = await around.add_rollout(target, number=2, origin="undo")
    await around.run("UPDATE rollouts SET undoes = $2 WHERE rollout_id = $1", rollout, UUID(int=1))
    await around.add_rollout(other, number=3, watch="other")
    found = (await around.claim(target)).rollout
    assert found is not None
    assert (found.rollout_id, found.origin, found.submitted, found.undoes) == (rollout, Origin.UNDO, False, UUID(int=1))
    assert found.items == (
        LaunchItem(watch="app", tag="v1.1.0", digest=D2, forced=True, former={"app/server": "former"}),
    )
    assert found.patch is not None
    assert found.patch.expected_index == 7
    assert {key: change.image for key, change in found.patch.changes.items()} == {
        TaskKey(group="app", task="server"): IMAGE
    }
    assert not found.awaits_promotion
    beside = (await around.claim(other)).rollout
    assert beside is not None
    assert beside.items[0].former == {}


async def test_what_another_digest_ran_before_is_no_former_image(around: Around) -> None:
    target = await around.add()
    await ended(around, target, 1, outcome="succeeded", phase="successful")
    await around.run("UPDATE rollout_watches SET from_digest = $1, from_images = $2", D1, {"app/server": "former"})
    rollout = await around.add_rollout(target, number=2)
    await around.run("UPDATE rollouts SET undoes = $2 WHERE rollout_id = $1", rollout, UUID(int=1))
    found = (await around.claim(target)).rollout
    assert found is not None
    assert found.items[0].former == {}


async def test_a_submitted_rollout_and_one_without_a_patch(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await around.add_rollout(target)
    await around.run(
        "UPDATE rollouts SET state = 'submitted', deployment = $1",
        {"deployment_id": "d", "phase": "active", "description": "", "desired": 1, "placed": 1, "healthy": 1,
         "unhealthy": 0, "canaries": 1, "awaits_promotion": True},
    )  # fmt: skip
    await around.add_rollout(other, number=2, watch="other")
    await around.run("UPDATE rollouts SET expected_index = NULL, changes = '[]' WHERE target_id = $1", other)
    submitted, bare = (await around.claim(target)).rollout, (await around.claim(other)).rollout
    assert submitted is not None
    assert bare is not None
    assert (submitted.submitted, submitted.awaits_promotion) == (True, True)
    assert (bare.submitted, bare.patch) == (False, None)


async def test_the_rollouts_and_the_due_targets_of_others_are_counted(around: Around) -> None:
    target = await around.add()
    others = {
        name: await around.add(name) for name in ("active", "bare", "done", "due", "soon", "woken", "last", "left")
    }
    await around.run("UPDATE targets SET due_at = NULL WHERE job_id NOT IN ('app', 'due', 'soon', 'last', 'left')")
    await around.run("UPDATE targets SET queued_last = true WHERE job_id = 'last'")
    await around.run("UPDATE watches SET present = false WHERE name = 'left'")
    for woken in (others["woken"], others["last"], others["left"], target):
        await around.run("INSERT INTO wakes (target_id) VALUES ($1)", woken)
    for number, name in enumerate(("active", "bare", "done"), start=1):
        await around.add_rollout(others[name], number=number, watch=name)
    await around.run("UPDATE rollouts SET expected_index = NULL WHERE target_id = $1", others["bare"])
    await around.run("UPDATE rollouts SET ended_at = now() WHERE target_id = $1", others["done"])
    await around.add_rollout(target, number=9)
    found = await around.claim(target)
    assert (found.others_active, found.others_due) == (1, 3)


@pytest.mark.parametrize(("namespace", "away"), [("default", True), ("team", False)])
async def test_an_outage_of_nomad_is_that_of_the_targets_namespace(around: Around, namespace: str, away: bool) -> None:
    target = await around.add()
    await around.run(
        "INSERT INTO namespaces (region, namespace, outage, outage_since) VALUES ('', $1, 'Nomad is away', now())",
        namespace,
    )
    assert (await around.claim(target)).nomad_outage is away


async def test_at_most_ten_due_targets_are_counted(around: Around) -> None:
    target = await around.add()
    for number in range(12):
        await around.add(f"other{number}")
    assert (await around.claim(target)).others_due == 10
