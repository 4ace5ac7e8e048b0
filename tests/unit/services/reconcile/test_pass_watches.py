"""A pass over a target of two watches: each of them counts."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.job import Preview
from app.domain.rollout import Origin, OutcomeKind
from app.errors import JobRejected, RegistryUnavailable
from app.refusals.samples import D1, D2, claim, job, state, task
from app.services.reconcile.claim import WatchState
from app.services.reconcile.result import SlotBounds
from tests.unit.domain.cases import D3
from tests.unit.services.reconcile.looks import FOREIGN, QUEUED, READ
from tests.unit.services.reconcile.passes import LIMITED, OTHER, SETTINGS, Pass, a_pass, unchanged
from tests.unit.services.reconcile.values import event, item, open_rollout


async def test_a_request_for_another_watch_leaves_the_rule_to_this_one() -> None:
    rollout = open_rollout(item("gone"), origin=Origin.DEPLOY)
    found = a_pass(claim(rollout=rollout), fleet=LIMITED, submission=JobRejected("it is no job"))
    await found.run()
    assert found.targets.result.ended is not None
    assert found.targets.result.ended.kind is OutcomeKind.REFUSED
    assert found.targets.result.bounds == SlotBounds(at_most=1, heeds_failures=False)
    assert found.targets.names == ["settle", "withdraw", "requeue"]


BOTH = job(task(), task("registry.example:5000/team/b:v1.0.0", name="worker"))


def two_watches(app: WatchState, other: WatchState = OTHER, **fields: Any) -> Pass:
    """The registry has a newer image of the first watch only."""
    found = a_pass(claim(app, other, **fields), job=BOTH)
    found.registry.images["team/b"] = {"v1.0.0": D1}
    return found


@pytest.mark.parametrize("first", [True, False])
async def test_of_two_watches_each_counts(first: bool) -> None:
    """Whichever has a newer image, had no place, or has an event without an answer."""
    changed = two_watches(state(), **READ)
    assert await changed.run()
    assert changed.deployer.asked == ["inspect", "submit"]
    (launch,) = (call[1].launch for call in changed.targets.calls if call[0] == "settle")
    assert [each.watch for each in launch.items] == ["app"]
    lacking = replace(OTHER, history=replace(OTHER.history, not_placed=D3))
    waits = replace(OTHER, events=(event("v1.0.0", D1),))
    for other, queued in ((lacking, {}), (waits, QUEUED)):
        pair = (state(), other) if first else (other, state())
        found = a_pass(claim(*pair, **{**READ, **queued}), job=BOTH, fleet=LIMITED)
        found.registry.images = {"team/app": {"v1.0.0": D1}, "team/b": {"v1.0.0": D1}}
        await found.run()
        assert found.registry.asked
        assert "inspect" in found.deployer.asked


@pytest.mark.parametrize("first", [True, False])
async def test_only_the_image_that_had_no_place_waits_for_one(first: bool) -> None:
    given_up = replace(state(), history=replace(state().history, not_placed=D2))
    pair = (given_up, OTHER) if first else (OTHER, given_up)
    found = a_pass(claim(*pair), job=BOTH, plan=Preview(unplaced="no memory"))
    found.registry.images = {"team/app": {"v1.0.0": D1, "v1.1.0": D2}, "team/b": {"v1.0.0": D1, "v1.1.0": D3}}
    await found.run()
    assert found.deployer.asked == ["inspect", "preview", "submit"]
    (launch,) = (call[1].launch for call in found.targets.calls if call[0] == "settle")
    assert [each.watch for each in launch.items] == ["other"]


async def test_a_target_is_queued_if_one_of_its_watches_is() -> None:
    found = two_watches(state(), others_active=1)
    found.settings = replace(SETTINGS, fleet=LIMITED)
    await found.run()
    assert found.targets.result.queued is True


async def test_the_shortest_pause_counts() -> None:
    queued = unchanged(claim(**READ, **QUEUED, polled=True), fleet=LIMITED)
    queued.registry.outage = RegistryUnavailable("main is away", retry_after=7.0)
    await queued.run()
    busy = unchanged(job=job(deployment=FOREIGN))
    busy.registry.outage = RegistryUnavailable("main is away", retry_after=7.0)
    await busy.run()
    assert (queued.targets.result.requeue_in, busy.targets.result.requeue_in) == (7.0, 2.0)


async def test_nothing_of_a_request_is_registered_while_one_of_its_registries_is_away() -> None:
    rollout = open_rollout(item(), item("other", "v1.0.0", D1), origin=Origin.DEPLOY)
    found = two_watches(state(), rollout=rollout)
    found.registry.outages["team/b"] = RegistryUnavailable("main is away")
    await found.run()
    assert (found.targets.result.launch, found.targets.result.ended) == (None, None)
    assert found.deployer.asked == ["inspect"]
