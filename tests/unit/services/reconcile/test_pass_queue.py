"""A pass within the bounds of the fleet: what waits for a slot, and what is due for a slot alone."""

from typing import Any

import pytest

from app.domain.decision import Hold, HoldReason
from app.domain.rollout import Origin
from app.errors import RegistryUnavailable
from app.refusals.samples import D1, D2, WATCH, claim, knows, state, task
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.result import SlotBounds
from tests.unit.services.reconcile.looks import QUEUED, READ, decision
from tests.unit.services.reconcile.passes import LIMITED, a_pass, unchanged
from tests.unit.services.reconcile.values import event, item, open_rollout


@pytest.mark.parametrize(
    ("fields", "only_queued"),
    [
        ({}, True),
        ({"inspect_job": True}, False),
        ({"polled": True}, False),
        ({"watches": (state(events=(event(),)),)}, False),
        ({"rollout": open_rollout(item(), origin=Origin.DEPLOY)}, False),
        ({"rollout": open_rollout(item(), submitted=True)}, False),
        ({"rollout": open_rollout(item())}, True),
        ({"others_active": 0}, False),
    ],
)
async def test_a_target_that_is_due_for_a_slot_alone_asks_nobody(fields: dict[str, Any], only_queued: bool) -> None:
    found = unchanged(claim(**{**READ, **QUEUED, **fields}), fleet=LIMITED)
    await found.run()
    assert (found.registry.asked == 0) is only_queued
    if only_queued:
        result = found.targets.result
        assert (result.requeue_in, result.queued, result.watches) == (30.0, None, ())


async def test_a_target_without_a_place_in_the_queue_is_not_due_for_a_slot_alone() -> None:
    found = unchanged(claim(**READ, others_active=1), fleet=LIMITED)
    await found.run()
    assert found.registry.asked
    assert found.targets.result.requeue_in is None


async def test_a_queued_target_whose_registry_shows_no_change_stays_queued() -> None:
    found = unchanged(claim(**READ, **QUEUED, polled=True), fleet=LIMITED)
    await found.run()
    assert (found.targets.result.requeue_in, found.targets.result.queued) == (30.0, None)


async def test_a_rollout_beyond_the_limit_waits_for_a_slot() -> None:
    found = a_pass(claim(others_active=1), fleet=LIMITED)
    await found.run()
    result, held = found.targets.result, decision(found)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.QUEUED
    assert (result.queued, result.queued_last, result.requeue_in, result.launch) == (True, False, 30.0, None)
    assert result.bounds == SlotBounds(at_most=1, heeds_failures=False)
    assert found.deployer.asked == ["inspect"]


async def test_our_own_job_goes_last() -> None:
    found = a_pass(claim(others_active=1), fleet=Fleet(max_rollouts=0, stop_after_failure=False, own_job=WATCH.place))
    await found.run()
    result = found.targets.result
    assert (result.queued, result.queued_last, result.requeue_in) == (True, True, 2.0)


async def test_a_failure_elsewhere_is_heeded_if_the_fleet_stops_after_one() -> None:
    failed = state(history=knows((task(), D1), failed_elsewhere={D2: "other"}))
    for stops, reason in ((True, HoldReason.FAILED_ELSEWHERE), (False, None)):
        found = a_pass(claim(failed), fleet=Fleet(max_rollouts=0, stop_after_failure=stops, own_job=None))
        await found.run()
        held = decision(found)
        assert (held.reason if isinstance(held, Hold) else None) is reason


async def test_a_request_is_registered_without_bounds_and_the_rule_within_them() -> None:
    requested = open_rollout(item(tag="v1.0.0", digest=D1, forced=True), origin=Origin.DEPLOY)
    found = a_pass(claim(rollout=requested, others_active=1), fleet=LIMITED)
    await found.run()
    assert found.targets.result.bounds is None
    assert found.deployer.asked == ["inspect", "submit"]
    following = a_pass(fleet=LIMITED)
    await following.run()
    assert following.targets.result.bounds == SlotBounds(at_most=1, heeds_failures=False)


async def test_a_request_waits_for_its_registry() -> None:
    found = unchanged(claim(rollout=open_rollout(item(), origin=Origin.DEPLOY)))
    found.registry.outage = RegistryUnavailable("main is away")
    await found.run()
    assert (found.targets.result.ended, found.targets.result.launch) == (None, None)
