"""Whose turn it is: the bound on rollouts, our own job last, and what a launch must still hold to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.watch import JobPlace
from app.services.target import Bounds
from tests.settings import LOOK_DEFAULTS
from tests.unit.domain.cases import WATCH
from tests.unit.services.looks import NOW, claim

ANY = LOOK_DEFAULTS.fleet
OWN = replace(ANY, own_job=JobPlace(region="", namespace=WATCH.place.namespace, job_id=WATCH.place.job_id))


@pytest.mark.parametrize(
    ("most", "active", "words"),
    [
        (0, 100, ""),
        (3, 2, ""),
        (3, 3, "3 of at most 3 rollouts are under way"),
        (3, 4, "4 of at most 3 rollouts are under way"),
    ],
)
def test_others_go_first_while_as_many_as_may_be_are_under_way(most: int, active: int, words: str) -> None:
    assert replace(ANY, max_rollouts=most).turn(claim(others_active=active, others_due=9)) == words


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
    turn = OWN.turn(claim(others_active=active, others_due=due, waits_turn_since=since))
    assert (turn == "") is goes
    assert goes or turn.startswith("registrywatcher's own job goes last: ")


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
    assert fleet.bounds(WATCH.place) == Bounds(at_most=1, heeds_failures=True)
    assert fleet.bounds(replace(WATCH.place, job_id="other")) == Bounds(at_most=3, heeds_failures=True)


def test_our_own_job_looks_again_soon_since_nobody_wakes_it() -> None:
    assert OWN.pause(WATCH.place) < OWN.pause(replace(WATCH.place, job_id="other"))
