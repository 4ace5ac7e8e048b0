"""Events that come before their tag, and false events: an event is a hint, and is checked five more times."""

import pytest

from tests.line import Line


@pytest.mark.parametrize("delay", [0.05, 0.3, 1.0])
async def test_a_late_tag_is_found_by_its_webhook_alone(running: Line, delay: float) -> None:
    await running.start()
    running.registry.link_delay = delay
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")


@pytest.mark.parametrize("delay", [0.05, 0.3])
async def test_a_late_digest_is_found_by_its_webhook_alone(running: Line, delay: float) -> None:
    await running.start()
    running.registry.link_delay = delay
    changed = await running.push("app", "v1.0.0", "other bytes")
    await running.deployed("app", f"team/app:v1.0.0@{changed}")


async def test_the_event_of_a_second_push_outlives_the_first(running: Line) -> None:
    await running.start()
    await running.push("app", "test", "first", notify=False)
    await running.outcome(await running.deploy("app", "test"))
    running.registry.link_delay = 0.3
    await running.push("app", "test", "second")
    await running.until(lambda: len(running.images("app")) == 2, "the second is registered")
    running.registry.link_delay = 0.6
    third = await running.push("app", "test", "third")
    for _ in range(10):  # reconciles for other reasons do not use up the event's checks
        await running.make_due_and_wake()
        await running.quiet_for_now()
    await running.deployed("app", f"team/app:test@{third}")


async def test_a_busy_target_does_not_use_up_the_checks_of_an_event(running: Line) -> None:
    await running.start()
    running.registry.link_delay = 0.8
    second = await running.push("app", "v1.1.0")
    for _ in range(12):
        await running.deliver("team/app", "v0.0.1", None)
        await running.quiet_for_now()
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def test_a_digest_that_never_comes_costs_five_checks_and_nothing_else(running: Line) -> None:
    await running.start()
    before = sum(count for _, count in await running.rows.decision_counts())
    await running.deliver("team/app", "v1.0.0", f"sha256:{'0' * 64}")
    for number in range(1, 6):
        await running.until(lambda: _attempts(running, number), f"look {number} for the event")  # noqa: B023
        await running.let_pass(40.0)
    await running.quiet()
    rows = await running.rows.answers()
    assert rows[0]["settled_at"] is not None
    assert rows[0]["answer"] == "the registry never showed this digest for v1.0.0"
    after = sum(count for _, count in await running.rows.decision_counts())
    assert (rows[0]["attempts"], after - before) == (6, 6)
    assert running.images("app") == []


async def test_the_checks_of_an_event_come_after_the_documented_delays(running: Line) -> None:
    await running.start()
    await running.rows.record_requeue_delays("due_at")
    await running.deliver("team/app", "v1.0.0", f"sha256:{'0' * 64}")
    for number in range(1, 6):
        await running.until(lambda: _attempts(running, number), f"look {number} for the event")  # noqa: B023
        await running.let_pass(40.0)
    assert await running.rows.requeue_delays() == pytest.approx([0.05, 0.2, 1.0, 5.0, 30.0], abs=0.04)


async def test_a_changed_digest_answers_the_event(running: Line) -> None:
    await running.start()
    changed = await running.push("app", "v1.0.0", "other bytes", notify=False)
    await running.deliver("team/app", "v1.0.0", f"sha256:{'0' * 64}")
    await running.deployed("app", f"team/app:v1.0.0@{changed}")
    assert not await running.rows.has_open_events()


async def test_events_of_made_up_releases_hide_no_real_release(running: Line) -> None:
    await running.start()
    for minor in range(12):
        await running.deliver("team/app", f"v9.{minor}.0", f"sha256:{minor:064}")
    second = await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app") == [f"team/app:v1.1.0@{second}"], "v1.1.0 is deployed")
    await running.rows.settle_events()


async def test_a_spoofed_digest_is_never_deployed(running: Line) -> None:
    first = await running.start()
    await running.push("app", "test", notify=False)
    for digest in (first, f"sha256:{'f' * 64}"):
        await running.deliver("team/app", "v7.0.0", digest)
        await running.deliver("team/app", "v1.0.0", digest)
    await running.quiet_for_now()
    assert running.images("app") == []


async def _attempts(running: Line, number: int) -> bool:
    rows = await running.rows.answers()
    return bool(rows) and rows[0]["attempts"] >= number
