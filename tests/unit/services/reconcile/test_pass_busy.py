"""A pass over a job on which something is under way, or for whose image there is no place: it waits."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.decision import Hold, HoldReason
from app.domain.job import JobState, Preview
from app.domain.rollout import Origin
from app.refusals.samples import D1, D2, NOW, claim, job, knows, state, task
from app.services.reconcile.reconcile import busy_with
from tests.unit.services.reconcile.looks import FOREIGN, decision
from tests.unit.services.reconcile.passes import SETTINGS, a_pass, unchanged
from tests.unit.services.reconcile.values import ROLLOUT, item, open_rollout


async def test_a_rollout_under_way_ends_by_its_follower_alone() -> None:
    found = unchanged(claim(rollout=open_rollout(item(), submitted=True)))
    await found.run()
    held = decision(found)
    assert isinstance(held, Hold)
    assert held.message == f"rollout {ROLLOUT} is under way; we wait for its end; a manual deploy does not wait"
    assert (found.targets.result.ended, found.targets.result.requeue_in) == (None, None)


GIVEN_UP = state(history=knows((task(), D1), not_placed=D2))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Preview(unplaced="no memory"), "no memory"),
        (Preview(allowed=False), "the token may not ask Nomad's plan (submit-job or plan-job)"),
    ],
)
async def test_what_had_no_place_waits_until_the_plan_has_one(plan: Preview, message: str) -> None:
    found = a_pass(claim(GIVEN_UP), plan=plan)
    await found.run()
    held = decision(found)
    assert isinstance(held, Hold)
    assert (held.reason, held.message.startswith(f"v1.1.0 has no place: {message};")) == (HoldReason.STALLED, True)
    assert found.deployer.asked == ["inspect", "preview"]
    assert (found.targets.result.launch, found.targets.result.requeue_in) == (None, 15.0)


async def test_what_had_no_place_is_deployed_once_the_plan_has_one() -> None:
    found = a_pass(claim(GIVEN_UP))
    await found.run()
    assert found.deployer.asked == ["inspect", "preview", "submit"]


async def test_a_person_asks_no_plan() -> None:
    requested = open_rollout(item(forced=True), origin=Origin.DEPLOY)
    found = a_pass(claim(GIVEN_UP, rollout=requested), plan=Preview(unplaced="no memory"))
    await found.run()
    assert found.deployer.asked == ["inspect", "submit"]


async def test_a_deployment_of_somebody_else_is_waited_for() -> None:
    found = a_pass(job=job(deployment=FOREIGN))
    await found.run()
    held, result = decision(found), found.targets.result
    assert isinstance(held, Hold)
    assert (held.reason, result.requeue_in, result.foreign_progress) == (HoldReason.BUSY, 2.0, "d 1")
    assert held.message == (
        "a Nomad deployment is active on the job (1 of 2); we wait for its end; a manual deploy does not wait"
    )


@pytest.mark.parametrize(
    ("fields", "is_busy"),
    [
        ({}, True),
        ({"stalled_index": 7}, False),
        ({"stalled_index": 6}, True),
        ({"foreign_progress": "d 1", "foreign_since": NOW - timedelta(seconds=900)}, True),
        ({"foreign_progress": "d 1", "foreign_since": NOW - timedelta(seconds=901)}, False),
        ({"foreign_progress": "d 0", "foreign_since": NOW - timedelta(seconds=901)}, True),
        ({"foreign_progress": "d 1"}, True),
        ({"rollout": open_rollout(item())}, True),
    ],
)
def test_a_deployment_counts_until_it_stalls(fields: dict[str, Any], is_busy: bool) -> None:
    assert (busy_with(SETTINGS, claim(**fields), job(deployment=FOREIGN)) != "") is is_busy


@pytest.mark.parametrize("found", [None, job()])
def test_without_a_deployment_nothing_is_under_way(found: JobState | None) -> None:
    assert busy_with(SETTINGS, claim(), found) == ""


async def test_our_own_deployment_is_no_foreign_one() -> None:
    found = unchanged(claim(rollout=open_rollout(item(), submitted=True)), job=job(deployment=FOREIGN))
    await found.run()
    assert found.targets.result.foreign_progress == ""


async def test_a_deployment_of_somebody_else_is_waited_for_with_a_request_in_hand_too() -> None:
    found = unchanged(claim(rollout=open_rollout(item(tag="v1.0.0", digest=D1))), job=job(deployment=FOREIGN))
    await found.run()
    assert (found.targets.result.requeue_in, found.targets.result.foreign_progress) == (2.0, "d 1")
