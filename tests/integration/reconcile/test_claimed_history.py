"""What a claim has of the past: failures, what Nomad gave up, and what registries showed."""

from uuid import uuid4

import pytest

from app.domain.event import EventAction
from tests.integration.reconcile.target import AT, D1, D2, D3, Around

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
    await around.run(_FAILURE, "other", D1, "another", True)
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


@pytest.mark.parametrize(
    ("outcome", "phase", "not_placed", "stalled_index"),
    [("stalled", "failed", D2, 12), ("stalled", "active", "", 12), ("failed", "failed", "", 0)],
)
async def test_the_newest_rollout_says_what_nomad_gave_up(
    around: Around, outcome: str, phase: str, not_placed: str, stalled_index: int
) -> None:
    target, other = await around.add(), await around.add("other")
    await around.add_ended(target, 1, outcome="succeeded", phase="successful")
    await around.add_ended(target, 2, outcome=outcome, phase=phase)
    await around.add_ended(other, 3, outcome="stalled", phase="failed", watch="other")
    found = await around.claim(target)
    assert (found.watches[0].history.not_placed, found.stalled_index) == (not_placed, stalled_index)
    assert (await around.claim(other)).stalled_index == 13


async def test_an_older_rollout_says_nothing(around: Around) -> None:
    target = await around.add()
    await around.add_ended(target, 1, outcome="stalled", phase="failed")
    await around.add_ended(target, 2, outcome="succeeded", phase="successful")
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


async def test_of_open_events_the_newest_two_thousand_are_answered(around: Around) -> None:
    """The others wait for a later reconcile: a claim has a bound."""
    target = await around.add()
    await around.run(
        "WITH came AS (INSERT INTO deliveries (delivery_id, source, size, ignored) "
        "VALUES (gen_random_uuid(), 'main', 1, 0) RETURNING delivery_id), made AS ("
        "INSERT INTO events (delivery_id, source, action, path, tag) "
        "SELECT delivery_id, 'main', 'push', 'team/app', 'v1' FROM came, generate_series(1, 2001) RETURNING event_id) "
        "INSERT INTO event_watches (event_id, watch_name) SELECT event_id, 'app' FROM made"
    )
    found = [each.event_id for each in (await around.claim(target)).watches[0].events]
    assert (len(found), found == sorted(found, reverse=True)) == (2000, True)
    assert await around.value("SELECT max(event_id) FROM events") == found[0]
