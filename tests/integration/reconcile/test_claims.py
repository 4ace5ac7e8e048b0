"""What a claim has of its target and its watches: every column that a reconcile reads, and only its own rows."""

from datetime import UTC, datetime

import pytest

from app.domain.history import Image, InFlight
from app.domain.reasons import Commanded
from app.domain.reference import Repository
from app.domain.watch import DeployBy, JobPlace
from tests.integration.reconcile.target import AT, D1, Around

_TARGET = """
UPDATE targets SET generation = 5, polled = true, inspect_job = true, attempts = 4, job_read_at = $2,
  job_index = 11, foreign_progress = 'd 1', foreign_since = $3, outage = 'away', queued_since = $4 WHERE target_id = $1
"""
_WATCH = """
UPDATE watches SET group_name = 'app', deploy_by = 'tag', observe_only = true, promote_after = 60,
  revert_on_failure = false, pinned_tag = 'v1', auto_deploy = false, tags = '{v1,v2}', tags_read_at = $1,
  desired_tag = 'v1', desired_digest = $2, job_create_index = 3, digests = '{"a": "b"}', digest_tags = '{"b": "v1"}',
  baseline_release = 'v0', expected = '{"app/server": "x"}', expected_intent = 6, rebaseline = true, drifted_at = $3,
  drift_images = '{"app/server": "y"}', commanded_at = $4, rolled_back_at = $5, rolled_back_by = 'bob',
  rolled_back_reason = 'slow', pinned_by = 'ann', pinned_at = $6, pinned_reason = 'fair', switched_by = 'eve',
  switched_at = $7, switched_reason = 'night', missing_image = 'gone', missing_image_checked_at = $8,
  in_flight = '[{"index": 7, "key": "app/server", "identity": "n", "digest": "d", "tag": "v1"}]',
  period_images = '[{"tag": "v1", "digest": "d"}]',
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
    assert found.job_index == 11
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
    assert found.in_flight == (InFlight(index=7, key="app/server", identity="n", digest="d", tag="v1"),)
    assert found.period_images == {Image(tag="v1", digest="d")}
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


@pytest.mark.parametrize(("namespace", "away"), [("default", True), ("team", False)])
async def test_an_outage_of_nomad_is_that_of_the_targets_namespace(around: Around, namespace: str, away: bool) -> None:
    target = await around.add()
    await around.run(
        "INSERT INTO namespaces (region, namespace, outage, outage_since) VALUES ('', $1, 'Nomad is away', now())",
        namespace,
    )
    assert (await around.claim(target)).nomad_outage is away


@pytest.mark.parametrize(("namespace", "follows"), [("default", True), ("team", False)])
async def test_events_of_nomad_are_those_of_the_targets_namespace(
    around: Around, namespace: str, follows: bool
) -> None:
    target = await around.add()
    await around.run(
        "INSERT INTO namespaces (region, namespace, lease_until, streaming_at) VALUES ('', $1, now(), now())", namespace
    )
    assert (await around.claim(target)).follows_job is follows
