"""What a write tells its caller: the notifications to send, and the watches whose decision is new."""

from uuid import UUID

import pytest

from app.domain.decision import Hold, HoldReason
from app.domain.rollout import Outcome, OutcomeKind
from app.services.reconcile.result import Result, SlotBounds, WatchResult
from tests.integration.reconcile.launched import JOB, LAUNCH, PATCH, SUBMISSION, SUPERSEDED, requested
from tests.integration.reconcile.target import Around

DOWNGRADE = Hold(reason=HoldReason.DOWNGRADE, message="v1.0.0 is older")
HELD = WatchResult(watch="app", decision=DOWNGRADE, notify=True)
DELIVERIES = "SELECT array_agg(notification_delivery_id ORDER BY notification_delivery_id) FROM notification_deliveries"


@pytest.fixture
async def channel(around: Around) -> None:
    await around.run("INSERT INTO channels (name) VALUES ('team')")


@pytest.mark.usefixtures("channel")
async def test_a_decision_is_new_once(around: Around) -> None:
    target = await around.add()
    result = Result(watches=(HELD,), requeue_in=0.0)
    written = await around.store.settle(await around.claim(target), result)
    assert (written.decided, len(written.notification_delivery_ids)) == (frozenset({"app"}), 1)
    assert list(written.notification_delivery_ids) == await around.value(DELIVERIES)
    again = await around.store.settle(await around.claim(target), result)
    assert (again.decided, again.notification_delivery_ids) == (frozenset(), ())


@pytest.mark.usefixtures("channel")
async def test_a_launch_tells_what_was_decided_too(around: Around) -> None:
    target = await around.add()
    result = Result(watches=(HELD,), job=JOB, job_read=True, launch=LAUNCH)
    written = await around.store.settle(await around.claim(target), result)
    assert written.decided == {"app"}
    assert list(written.notification_delivery_ids) == await around.value(DELIVERIES)
    assert len(written.notification_delivery_ids) == 1


@pytest.mark.usefixtures("channel")
async def test_each_end_of_a_rollout_is_notified(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await around.add_rollout(target)
    refused = await around.add_rollout(other, number=2, watch="other")
    outcome = Outcome(kind=OutcomeKind.REFUSED, reason="no permission")
    first = await around.store.settle(await around.claim(target), Result(job=JOB, job_read=True, ended=SUPERSEDED))
    second = await around.store.refuse(await around.claim(other), refused, outcome)
    found = [*first.notification_delivery_ids, *second.notification_delivery_ids]
    assert (len(found), found) == (2, await around.value(DELIVERIES))


@pytest.mark.usefixtures("channel")
async def test_an_outage_is_notified_and_not_called_ours(around: Around) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET outage_since = now() - interval '1 hour', queued_since = now()")
    written = await around.store.requeue(await around.claim(target), seconds=0.0, outage="away")
    assert list(written.notification_delivery_ids) == await around.value(DELIVERIES)
    assert len(written.notification_delivery_ids) == 1
    stored = await around.target(target)
    assert (stored["outage_is_ours"], stored["queued_since"] is None) == (False, False)


@pytest.mark.usefixtures("channel")
async def test_a_registration_is_notified_with_its_rollout_and_place(around: Around) -> None:
    _, rollout, claimed = await requested(around)
    await around.run("UPDATE rollout_watches SET digest_changed = true")
    written = await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    assert list(written.notification_delivery_ids) == await around.value(DELIVERIES)
    assert await around.value("SELECT array_agg(kind ORDER BY kind) FROM notifications") == [
        "deploying",
        "digest_changed",
    ]
    found = await around.row("SELECT DISTINCT rollout_id, job_id, namespace FROM notifications")
    assert found == {"rollout_id": rollout, "job_id": "app", "namespace": "default"}


async def test_an_outage_that_is_over_is_none_of_the_target(around: Around) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET outage = 'away', outage_since = now()")
    await around.store.requeue(await around.claim(target), seconds=0.0, outage="")
    stored = await around.target(target)
    assert (stored["outage"], stored["outage_since"]) == ("", None)


async def test_an_end_is_void_if_somebody_came_meanwhile(around: Around) -> None:
    target = await around.add()
    rollout = await around.add_rollout(target)
    claimed = await around.claim(target)
    await around.run("UPDATE watches SET commanded_at = now()")
    assert (await around.store.settle(claimed, Result(job=JOB, job_read=True, ended=SUPERSEDED))).overtaken
    assert await around.value("SELECT state FROM rollouts WHERE rollout_id = $1", rollout) == "requested"


async def test_a_launch_is_void_if_another_target_has_its_slot(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    claimed = await around.claim(target)
    await around.add_rollout(other, number=3, watch="other")
    bounded = Result(launch=LAUNCH, job=JOB, job_read=True, bounds=SlotBounds(at_most=1, heeds_failures=False))
    assert (await around.store.settle(claimed, bounded)).overtaken
    assert await around.value("SELECT count(*) FROM rollouts WHERE rollout_id = $1", UUID(int=5)) == 0
