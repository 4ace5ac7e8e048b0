"""The condition of a watch: each sign comes before every decision, and each decision has one condition."""

from itertools import combinations

import pytest

from app.domain.condition import DEPLOY, OF_DECISION, OF_SIGN, RANKS, UNDECIDED, Condition, Sign, condition_of
from app.domain.decision import HoldReason

SIGNS = [found for count in range(len(Sign) + 1) for found in combinations(Sign, count)]


def first_that_fits(signs: tuple[Sign, ...], decision: str) -> Condition:
    """The same rule, written out."""
    if Sign.OUTAGE in signs or Sign.MISSING_IMAGE in signs:
        return Condition.OUTAGE
    if Sign.AWAITS_PROMOTION in signs:
        return Condition.PROMOTION
    if Sign.UNDERWAY in signs or decision == DEPLOY:
        return Condition.MOVING
    return OF_DECISION[decision]


@pytest.mark.parametrize("decision", OF_DECISION)
def test_the_first_that_fits_counts(decision: str) -> None:
    for signs in SIGNS:
        assert condition_of(signs, decision) is first_that_fits(signs, decision), signs


def test_each_sign_and_each_decision_has_a_condition() -> None:
    assert set(OF_SIGN) == set(Sign), "app/domain/condition.py: OF_SIGN has each Sign"
    expected = {UNDECIDED, DEPLOY, *HoldReason}
    assert set(OF_DECISION) == expected, "app/domain/condition.py: OF_DECISION has each HoldReason"
    assert {*OF_SIGN.values(), *OF_DECISION.values()} == set(Condition)


def test_conditions_that_need_a_person_come_first() -> None:
    by_rank = sorted(Condition, key=RANKS.__getitem__)
    assert by_rank == list(Condition)
    assert by_rank[:5] == [
        Condition.OUTAGE,
        Condition.PROMOTION,
        Condition.FAILED,
        Condition.STALLED,
        Condition.HELD,
    ]
    assert by_rank[-1] is Condition.CURRENT
