"""What follows from a settled look, and whether it is void by then."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.decision import Deploy
from app.domain.job import JobPatch
from app.domain.rollout import Origin, Outcome, OutcomeKind
from app.services.reconcile.claim import OpenRollout
from app.services.reconcile.launch import launch
from app.services.reconcile.result import Launch, Result
from app.services.reconcile.settle import Current, overtaken, settlement
from tests.unit.domain.cases import D2, job
from tests.unit.services.reconcile.values import NOW, ROLLOUT, claim, item, open_rollout, resolved_watches, state

ENDED = Outcome(kind=OutcomeKind.SUPERSEDED, reason="not wanted any more")
PATCH = JobPatch(changes={}, expected_index=7)
SPOKE = NOW - timedelta(hours=1)
LATER = NOW + timedelta(seconds=1)


def launched(of: OpenRollout | None = None) -> Launch:
    found = launch(job(), {"app": (resolved_watches(), Deploy(tag="v1.1.0", digest=D2, message="it follows"))}, of)
    assert found is not None
    return found


def with_patch(**fields: Any) -> OpenRollout:
    return open_rollout(item(), **{"patch": PATCH, **fields})


@pytest.mark.parametrize(
    ("changed", "is_void"),
    [
        ({}, False),
        ({"rollout": None}, True),
        ({"rollout": (UUID(int=2), False)}, True),
        ({"rollout": (ROLLOUT, True)}, True),
        ({"paused": True}, True),
        ({"commanded_at": {"app": LATER}}, True),
        ({"commanded_at": {}}, True),
        ({"commanded_at": {"app": SPOKE, "new": LATER}}, False),
    ],
)
def test_a_look_is_void_once_something_else_was_asked_for(changed: dict[str, Any], is_void: bool) -> None:
    began = claim(state(commanded_at=SPOKE), rollout=open_rollout(item()))
    current = Current(rollout=(ROLLOUT, False), paused=False, commanded_at={"app": SPOKE})
    assert overtaken(began, replace(current, **changed)) is is_void


def test_a_look_that_knew_of_the_pause_or_of_no_rollout_is_not_void() -> None:
    current = Current(rollout=None, paused=True, commanded_at={"app": None})
    assert not overtaken(claim(paused=True), current)
    assert overtaken(claim(paused=True), replace(current, rollout=(ROLLOUT, False)))
    assert not overtaken(claim(paused=True), replace(current, paused=False))


@pytest.mark.parametrize(
    ("rollout", "result", "abandons_patch"),
    [
        (None, Result(ended=ENDED), False),
        (with_patch(), Result(), False),
        (with_patch(), Result(ended=ENDED), True),
        (with_patch(patch=None), Result(ended=ENDED), False),
        (with_patch(), Result(queued=True), True),
        (with_patch(origin=Origin.UNDO), Result(queued=True), False),
        (with_patch(), Result(launch=launched(open_rollout(item()))), True),
        (with_patch(patch=launched().patch), Result(launch=launched(open_rollout(item()))), False),
        (with_patch(), Result(launch=launched(), ended=ENDED), True),
    ],
)
def test_an_order_that_may_still_arrive_is_given_up_where_the_look_leaves_it(
    rollout: OpenRollout | None, result: Result, abandons_patch: bool
) -> None:
    began = claim(rollout=rollout)
    assert settlement(began, replace(result, job=job(index=7))).abandons_patch is abandons_patch
    assert not settlement(began, replace(result, job=job(index=8))).abandons_patch


@pytest.mark.parametrize(
    ("rollout", "result", "clears_patch"),
    [
        (with_patch(), Result(queued=True), True),
        (with_patch(), Result(queued=False), False),
        (with_patch(), Result(), False),
        (with_patch(origin=Origin.DEPLOY), Result(queued=True), False),
        (with_patch(), Result(queued=True, launch=launched()), False),
        (None, Result(queued=True), False),
    ],
)
def test_a_rollout_of_the_rule_that_waits_is_left_without_an_order(
    rollout: OpenRollout | None, result: Result, clears_patch: bool
) -> None:
    assert settlement(claim(rollout=rollout), result).clears_patch is clears_patch


@pytest.mark.parametrize(
    ("waited", "decided", "waits", "wakes_next"),
    [
        (False, None, False, False),
        (False, True, True, False),
        (False, False, False, False),
        (True, None, True, False),
        (True, True, True, False),
        (True, False, False, True),
    ],
)
def test_a_target_waits_until_it_is_decided_anew_and_then_gives_way(
    waited: bool, decided: bool | None, waits: bool, wakes_next: bool
) -> None:
    found = settlement(claim(queued_since=NOW if waited else None), Result(queued=decided))
    assert (found.queued, found.wakes_next) == (waits, wakes_next)


def test_the_end_of_a_rollout_gives_way() -> None:
    assert settlement(claim(rollout=with_patch()), Result(ended=ENDED)).wakes_next


@pytest.mark.parametrize(
    ("fields", "inspect_job"),
    [
        ({"job_read": True, "requeue_in": 2.0}, True),
        ({"job_read": True}, False),
        ({"requeue_in": 2.0}, False),
        ({"job_read": True, "requeue_in": 2.0, "queued": True}, False),
    ],
)
def test_the_job_is_read_again_until_all_is_settled(fields: dict[str, Any], inspect_job: bool) -> None:
    assert settlement(claim(), Result(**fields)).inspect_job is inspect_job
