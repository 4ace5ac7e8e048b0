"""The condition of a watch: the same order as the store's, and one for each hold reason."""

from dataclasses import replace

import pytest

from app.domain.condition import OF_DECISION, Condition
from app.domain.decision import HoldReason
from app.domain.rollout import RolloutState
from app.refusals.process import DEPLOYMENT
from app.services.views.board import condition
from app.services.views.queries import Outage, WatchView
from tests.web.values import DECISION, NOW, SUMMARY, WATCH

OUTAGE = Outage(problem="connection refused", since=NOW)
MOVING = replace(SUMMARY, outcome=None, state=RolloutState.SUBMITTED, ended_at=None)
WAITING = replace(MOVING, deployment=DEPLOYMENT)
FAILED = replace(WATCH, decision=replace(DECISION, reason=HoldReason.FAILED_BEFORE))


@pytest.mark.parametrize("reason", HoldReason)
def test_each_reason_to_hold_is_a_condition(reason: HoldReason) -> None:
    assert condition(replace(WATCH, decision=replace(DECISION, reason=reason))) is OF_DECISION[reason]


@pytest.mark.parametrize(
    ("watch", "found"),
    [
        (replace(FAILED, rollout=WAITING, registry_outage=OUTAGE), Condition.OUTAGE),
        (replace(FAILED, rollout=WAITING, job_outage=OUTAGE), Condition.OUTAGE),
        (replace(FAILED, rollout=WAITING, missing_image=OUTAGE), Condition.OUTAGE),
        (replace(FAILED, rollout=WAITING), Condition.PROMOTION),
        (replace(FAILED, rollout=MOVING), Condition.MOVING),
        (FAILED, Condition.FAILED),
        (replace(WATCH, decision=None, rollout=MOVING), Condition.MOVING),
        (replace(WATCH, decision=None, rollout=None), Condition.UNCHECKED),
        (replace(WATCH, decision=None), Condition.UNCHECKED),
        (replace(WATCH, rollout=None), Condition.CURRENT),
        (replace(WATCH, decision=replace(DECISION, reason=None)), Condition.MOVING),
        (replace(WATCH, rollout=replace(WAITING, ended_at=NOW, outcome=SUMMARY.outcome)), Condition.CURRENT),
    ],
)
def test_the_first_that_fits_counts(watch: WatchView, found: Condition) -> None:
    assert condition(watch) is found
