"""The answer to a push event: final once it is known what became of the tag."""

from dataclasses import replace

import pytest

from app.domain.answers import Outlook, PushedTag, TagAnswer, answer_push
from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.history import Image
from app.domain.rollout import OutcomeKind


def outlook(reason: HoldReason | None = HoldReason.UP_TO_DATE) -> Outlook:
    """A reconcile that desires v1.2.0 while v1.0.0 runs."""
    decision = (
        Hold(reason=reason, message="the decision")
        if reason
        else Deploy(tag="v1.2.0", digest="d", message="the decision")
    )
    return Outlook(decision=decision, desired=Image(tag="v1.2.0", digest="d"), current_tag="v1.0.0", with_v=True)


FOUND = outlook()


@pytest.mark.parametrize("reason", [None, *HoldReason])
def test_the_desired_tag_has_the_decision_as_its_answer(reason: HoldReason | None) -> None:
    is_final = reason in (HoldReason.UP_TO_DATE, HoldReason.FAILED_BEFORE)
    assert answer_push(PushedTag(tag="v1.2.0"), outlook(reason)) == TagAnswer(message="the decision", is_final=is_final)


@pytest.mark.parametrize(
    ("outcome", "reason", "message", "is_final"),
    [
        (None, "", "a rollout of v1.1.0 is under way", False),
        (OutcomeKind.SUCCEEDED, "2 of 2 are healthy", "deployed: 2 of 2 are healthy", True),
        (OutcomeKind.NEXT_LAUNCH, "", "deployed", True),
        (OutcomeKind.FAILED, "exited with code 3", "failed: exited with code 3", True),
        (OutcomeKind.SUPERSEDED, "a person asked for v1.2.0", "passed over: v1.2.0 is newer", True),
        (OutcomeKind.STOPPED, "", "passed over: v1.2.0 is newer", True),
    ],
)
def test_its_rollout_is_the_answer(outcome: OutcomeKind | None, reason: str, message: str, is_final: bool) -> None:
    pushed = PushedTag(tag="v1.1.0", was_rolled_out=True, outcome=outcome, reason=reason)
    assert answer_push(pushed, FOUND) == TagAnswer(message=message, is_final=is_final)


@pytest.mark.parametrize(
    ("tag", "found", "message"),
    [
        ("v1.1.0", FOUND, "passed over: v1.2.0 is newer"),
        ("v1.1.0", replace(FOUND, current_tag=""), "passed over: v1.2.0 is newer"),
        ("v0.9.0", FOUND, "v1.2.0 is higher"),
        ("v1.3.0", FOUND, "the decision"),
        ("v1.3.0", replace(FOUND, desired=Image(tag="", digest="")), "the decision"),
        ("1.1.0", FOUND, "1.1.0 is no release: spelled without v, releases here have it"),
        ("latest", FOUND, "latest is no release: no version number"),
        ("v1.1.0", replace(FOUND, pinned_tag="test"), "the rule stays on test"),
    ],
)
def test_a_tag_that_is_not_desired_has_its_own_answer(tag: str, found: Outlook, message: str) -> None:
    assert answer_push(PushedTag(tag=tag), found) == TagAnswer(message=message, is_final=True)
