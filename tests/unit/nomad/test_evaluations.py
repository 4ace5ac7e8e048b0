"""How far the scheduler is, over every way in which one evaluation hands on to another (docs/nomad.md, section 8)."""

from typing import Any

import pytest

from app.adapters.nomad.follow.evaluations import Scheduling, scheduling
from app.domain.deployment import WaitIndex
from app.domain.job import Submission

OURS = Submission(index=40, evaluation_id="e1")
FAILED_TO_PLACE = {"api": {"NodesEvaluated": 1, "DimensionExhausted": {"memory": 1}, "CoalescedFailures": 1}}


def evaluation(identity: str = "e1", status: str = "complete", **fields: Any) -> dict[str, Any]:
    return {"ID": identity, "Status": status, "TriggeredBy": "job-register", "CreateIndex": 40, **fields}


def test_an_evaluation_that_is_not_there_is_none() -> None:
    assert scheduling([], OURS) is None
    assert scheduling([evaluation("other", JobModifyIndex=39)], OURS) is None


def test_without_an_id_the_first_with_our_index_is_ours() -> None:
    found = scheduling(
        [
            evaluation("late", "pending", JobModifyIndex=40, CreateIndex=44),
            evaluation("first", JobModifyIndex=40, CreateIndex=41),
        ],
        Submission(index=40, evaluation_id=""),
    )
    assert found == Scheduling(done=True, unplaced="")


@pytest.mark.parametrize(
    ("status", "done"),
    [("pending", False), ("blocked", False), ("complete", True), ("failed", True), ("canceled", True)],
)
def test_statuses(status: str, done: bool) -> None:
    found = scheduling([evaluation(status=status)], OURS)
    assert found is not None
    assert found.done is done


def test_what_could_not_be_placed_waits_blocked() -> None:
    found = scheduling(
        [
            evaluation(FailedTGAllocs=FAILED_TO_PLACE, BlockedEval="b1"),
            evaluation("b1", "blocked", TriggeredBy="queued-allocs", CreateIndex=41),
        ],
        OURS,
    )
    assert found is not None
    assert found.done
    assert found.unplaced == "group api: 2 allocations cannot be placed: 1 node lacks enough memory"
    assert found.wait_index == WaitIndex(subject="evaluation/b1", index=41)


def test_a_blocked_evaluation_that_was_served_settles_it() -> None:
    chain = [evaluation(FailedTGAllocs=FAILED_TO_PLACE, BlockedEval="b1"), evaluation("b1", CreateIndex=41)]
    assert scheduling(chain, OURS) == Scheduling(done=True, unplaced="")


def test_a_canceled_duplicate_leaves_the_words_of_the_first() -> None:
    chain = [evaluation(FailedTGAllocs=FAILED_TO_PLACE, BlockedEval="b1"), evaluation("b1", "canceled")]
    found = scheduling(chain, OURS)
    assert found is not None
    assert "cannot be placed" in found.unplaced


def test_conflicting_plans_are_not_done_until_the_blocked_one_is() -> None:
    chain = [
        evaluation(status="failed", StatusDescription="maximum attempts reached (5)", BlockedEval="b1"),
        evaluation("b1", "blocked", TriggeredBy="max-plan-attempts"),
    ]
    assert scheduling(chain, OURS) == Scheduling(
        done=False, unplaced="maximum attempts reached (5)", wait_index=WaitIndex(subject="evaluation/b1", index=40)
    )


def test_a_delivery_limit_is_followed_to_its_follow_up() -> None:
    failed = evaluation(status="failed", StatusDescription="evaluation reached delivery limit (3)", NextEval="e2")
    pending = evaluation("e2", "pending", ModifyIndex=44)
    assert scheduling([failed, pending], OURS) == Scheduling(
        done=False, unplaced="", wait_index=WaitIndex(subject="evaluation/e2", index=44)
    )
    assert scheduling([failed, evaluation("e2")], OURS) == Scheduling(done=True, unplaced="")


def test_a_follow_up_that_was_collected_was_done() -> None:
    failed = evaluation(status="failed", StatusDescription="evaluation reached delivery limit (3)", NextEval="gone")
    assert scheduling([failed], OURS) == Scheduling(done=True, unplaced="")


def test_a_rolling_update_of_an_old_system_job_is_followed() -> None:
    chain = [evaluation(NextEval="e2"), evaluation("e2", "pending", TriggeredBy="rolling-update")]
    assert scheduling(chain, OURS) == Scheduling(
        done=False, unplaced="", wait_index=WaitIndex(subject="evaluation/e2", index=40)
    )


def test_a_delayed_reschedule_is_not_ours_to_wait_for() -> None:
    chain = [evaluation(NextEval="e2"), evaluation("e2", "pending", TriggeredBy="alloc-failure")]
    assert scheduling(chain, OURS) == Scheduling(done=True, unplaced="")


def test_a_scheduler_that_gave_up_says_why() -> None:
    failed = evaluation(status="failed", StatusDescription="scheduler cannot handle 'x'")
    assert scheduling([failed], OURS) == Scheduling(done=True, unplaced="scheduler cannot handle 'x'")


def test_a_later_step_that_is_blocked_tells_too() -> None:
    later = evaluation("b9", "blocked", CreateIndex=60, FailedTGAllocs=FAILED_TO_PLACE)
    earlier = evaluation("b0", "blocked", CreateIndex=3, FailedTGAllocs=FAILED_TO_PLACE)
    found = scheduling([evaluation(), later], OURS)
    assert found is not None
    assert "cannot be placed" in found.unplaced
    assert scheduling([evaluation(), earlier], OURS) == Scheduling(done=True, unplaced="")


def test_the_survivor_of_two_blocked_evaluations_is_waited_for() -> None:
    survivor = evaluation("b0", "blocked", CreateIndex=30, ModifyIndex=31, FailedTGAllocs=FAILED_TO_PLACE)
    ours = evaluation(FailedTGAllocs=FAILED_TO_PLACE, BlockedEval="b1")
    found = scheduling([ours, evaluation("b1", "canceled", CreateIndex=41), survivor], OURS)
    assert found is not None
    assert "cannot be placed" in found.unplaced
    assert found.wait_index == WaitIndex(subject="evaluation/b0", index=31)


def test_an_evaluation_that_a_newer_one_made_needless_is_done() -> None:
    ours = evaluation(status="canceled", StatusDescription="canceled after more recent eval was processed")
    assert scheduling([ours, evaluation("e9", CreateIndex=42)], OURS) == Scheduling(done=True, unplaced="")


def test_what_a_later_evaluation_placed_is_no_longer_unplaced() -> None:
    ours = evaluation(FailedTGAllocs=FAILED_TO_PLACE, BlockedEval="b1")
    chain = [ours, evaluation("b1", "canceled", CreateIndex=41), evaluation("e9", CreateIndex=50)]
    assert scheduling(chain, OURS) == Scheduling(done=True, unplaced="")


def test_a_circle_ends() -> None:
    chain = [evaluation(status="failed", NextEval="e2"), evaluation("e2", "failed", NextEval="e1")]
    found = scheduling(chain, OURS)
    assert found is not None
    assert found.done
