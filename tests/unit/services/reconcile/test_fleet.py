"""The queue for slots: the limit of concurrent rollouts, our own job last, and the conditions of a launch."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.decision import Deploy
from app.domain.watch import JobPlace
from app.services.reconcile.fleet import is_bound, no_longer_holds
from app.services.reconcile.launch import launch
from app.services.reconcile.result import Result, SlotBounds
from tests.default_settings import RECONCILE_DEFAULTS
from tests.unit.domain.cases import D2, WATCH, job
from tests.unit.services.reconcile.values import NOW, claim, resolved_watches

ANY = RECONCILE_DEFAULTS.fleet
LAUNCH = launch(job(), {"app": (resolved_watches(), Deploy(tag="v1.1.0", digest=D2, message="it follows"))}, None)
OWN = replace(ANY, own_job=JobPlace(region="", namespace=WATCH.place.namespace, job_id=WATCH.place.job_id))


@pytest.mark.parametrize(
    ("most", "active", "message"),
    [
        (0, 100, ""),
        (3, 2, ""),
        (3, 3, "3 of at most 3 rollouts are under way"),
        (3, 4, "4 of at most 3 rollouts are under way"),
    ],
)
def test_others_go_first_while_as_many_as_may_be_are_under_way(most: int, active: int, message: str) -> None:
    assert replace(ANY, max_rollouts=most).queue_reason(claim(others_active=active, others_due=9)) == message


@pytest.mark.parametrize(
    ("active", "due", "waited", "goes"),
    [
        (0, 0, None, True),
        (1, 0, None, False),
        (0, 1, None, False),
        (0, 1, 599, False),
        (0, 1, 601, True),
        (1, 0, 100_000, False),
    ],
)
def test_our_own_job_goes_when_nobody_else_would(active: int, due: int, waited: float | None, goes: bool) -> None:
    since = None if waited is None else NOW - timedelta(seconds=waited)
    turn = OWN.queue_reason(claim(others_active=active, others_due=due, queued_since=since))
    assert (turn == "") is goes
    assert goes or turn.startswith("registrywatcher's own job goes last, and ")


@pytest.mark.parametrize(
    ("changed", "own"),
    [
        ({"region": "elsewhere"}, True),
        ({"namespace": "elsewhere"}, False),
        ({"job_id": "elsewhere"}, False),
    ],
)
def test_our_own_job_is_known_in_any_region(changed: dict[str, str], own: bool) -> None:
    place = replace(WATCH.place, **changed)
    assert OWN.is_own(place) is own
    assert not ANY.is_own(place)


def test_a_launch_is_bound_by_what_held_when_it_was_decided() -> None:
    fleet = replace(OWN, max_rollouts=3, stop_after_failure=True)
    assert fleet.bounds(WATCH.place) == SlotBounds(at_most=1, heeds_failures=True)
    assert fleet.bounds(replace(WATCH.place, job_id="other")) == SlotBounds(at_most=3, heeds_failures=True)


def test_our_own_job_is_requeued_soon_since_nobody_wakes_it() -> None:
    assert OWN.pause(WATCH.place) < OWN.pause(replace(WATCH.place, job_id="other"))


@pytest.mark.parametrize(
    ("result", "bound"),
    [
        (Result(queued=True), False),
        (Result(bounds=SlotBounds(at_most=1, heeds_failures=False)), False),
        (Result(bounds=SlotBounds(at_most=1, heeds_failures=False), queued=True), True),
        (Result(bounds=SlotBounds(at_most=1, heeds_failures=False), queued=True, queued_last=True), False),
        (Result(bounds=SlotBounds(at_most=0, heeds_failures=False), queued=True), False),
        (Result(bounds=SlotBounds(at_most=0, heeds_failures=True), queued=True), True),
        (Result(bounds=SlotBounds(at_most=1, heeds_failures=False), launch=LAUNCH), True),
        (Result(bounds=SlotBounds(at_most=0, heeds_failures=True), launch=LAUNCH), True),
        (Result(bounds=SlotBounds(at_most=0, heeds_failures=False), launch=LAUNCH), False),
        (Result(launch=LAUNCH), False),
    ],
)
def test_a_launch_and_a_wait_of_the_rule_are_bound_by_others(result: Result, bound: bool) -> None:
    assert is_bound(result) is bound


@pytest.mark.parametrize(
    ("bounds", "active", "failed", "void"),
    [
        (SlotBounds(at_most=2, heeds_failures=False), 1, True, False),
        (SlotBounds(at_most=2, heeds_failures=False), 2, False, True),
        (SlotBounds(at_most=0, heeds_failures=True), 9, False, False),
        (SlotBounds(at_most=0, heeds_failures=True), 9, True, True),
    ],
)
def test_a_launch_is_void_where_the_slots_are_taken_or_its_image_failed(
    bounds: SlotBounds, active: int, failed: bool, void: bool
) -> None:
    assert no_longer_holds(bounds, launches=True, active=active, failed=failed) is void


def test_a_wait_is_void_once_a_slot_is_free() -> None:
    assert no_longer_holds(SlotBounds(at_most=2, heeds_failures=False), launches=False, active=1, failed=False)
    assert not no_longer_holds(SlotBounds(at_most=2, heeds_failures=False), launches=False, active=2, failed=False)
