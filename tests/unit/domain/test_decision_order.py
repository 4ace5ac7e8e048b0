"""The order of the decision's checks, each with all that come after it in its way, and the rows beside them.

The number in a test's name is the row of docs/decisions.md.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.domain.decision import Case, Deploy, Hold, HoldReason, RequestedDeploy
from app.domain.decision_table import decide, obstacle
from app.domain.history import Desired, History
from app.domain.job import JobState
from app.domain.rule import Rule
from tests.unit.domain.cases import CHILD, D1, D2, D3, HOST, WATCH, case, job, knows, task

LOWER, V2 = Desired(tag="v0.9.0", digest=D2), Desired(tag="v1.1.0", digest=D2)
ANOTHER = {"app/server": "another"}


def history(found: Case, **fields: object) -> Case:
    return replace(found, history=replace(found.history, **fields))  # type: ignore[arg-type]


def no_release_runs(found: Case) -> Case:
    """Row 14 instead of row 13: of two releases one is higher, so both never hold at the same time."""
    first = replace(found, job=job(task(":latest")))
    return history(first, baseline_release="v2.0.0", digests={})


# Each change takes away what made its row match; all that follow still do.
PEELED: tuple[tuple[HoldReason, Callable[[Case], Case]], ...] = (
    (HoldReason.BUSY, lambda found: replace(found, busy="")),
    (HoldReason.FAILED_BEFORE, lambda found: history(found, failed=frozenset())),
    (HoldReason.AUTO_DEPLOY_OFF, lambda found: replace(found, auto_deploy=True)),
    (HoldReason.PAUSED, lambda found: replace(found, paused=False)),
    (HoldReason.OBSERVE_ONLY, lambda found: replace(found, watch=WATCH)),
    (HoldReason.DRIFTED, lambda found: history(found, expected={})),
    (HoldReason.ROLLED_BACK, lambda found: replace(found, rolled_back=False)),
    (HoldReason.DOWNGRADE, no_release_runs),
    (HoldReason.NOT_A_RELEASE, lambda found: history(found, baseline_release="")),
    (HoldReason.STALLED, lambda found: replace(found, no_room="")),
    (HoldReason.FAILED_ELSEWHERE, lambda found: replace(found, heed_elsewhere=False)),
    (HoldReason.QUEUED, lambda found: replace(found, queue_reason="")),
)


def test_the_first_row_that_matches_decides() -> None:
    against = case(
        desired=LOWER,
        history=knows(
            (task(), D1),
            failed=frozenset({D2}),
            expected=ANOTHER,
            not_placed=D2,
            failed_elsewhere={D2: "other"},
        ),
        busy="busy",
        auto_deploy=False,
        paused=True,
        watch=replace(WATCH, observe_only=True),
        rolled_back=True,
        no_room="no memory",
        heed_elsewhere=True,
        queue_reason="3 of 3 rollouts are under way",
    )
    for expected, without in PEELED:
        decision = decide(against)
        assert isinstance(decision, Hold)
        assert decision.reason is expected
        against = without(against)
    assert isinstance(decide(against), Deploy)


def test_6_what_is_specified_already_is_up_to_date_whatever_comes_later() -> None:
    against = case(
        desired=Desired(tag="v0.9.0", digest=D1),
        history=knows((task(), D1), expected=ANOTHER, failed_elsewhere={D1: "other"}),
        auto_deploy=False,
        paused=True,
        rolled_back=True,
        heed_elsewhere=True,
        queue_reason="3 of 3 rollouts are under way",
    )
    assert decide(replace(against, busy="busy")).message == "busy"
    assert decide(against).message == "v0.9.0 runs"


def test_1_a_job_without_an_obstacle_has_no_text() -> None:
    assert obstacle(WATCH, job()) == ""


def test_1_a_hold_without_a_desired_image_names_none() -> None:
    held = decide(case(job=None))
    assert (held.tag, held.digest) == ("", "")


UNDO = RequestedDeploy(
    desired=Desired(tag="v0.9.0", digest=D3, children=frozenset({CHILD})),
    message="undo of rollout 7",
    reverts=True,
    former={"app/server": f"{HOST}/team/app:v0.9.0"},
    unless_changed=True,
)


def test_2_an_undo_brings_the_digest_and_the_text_that_were_there_before() -> None:
    assert decide(case(requested=UNDO)) == Deploy(
        tag="v0.9.0",
        digest=D3,
        message="undo of rollout 7",
        children=frozenset({CHILD}),
        by_digest=True,
        former={"app/server": f"{HOST}/team/app:v0.9.0"},
    )


@pytest.mark.parametrize(("tag", "named"), [("v0.9.0", "v0.9.0"), ("", D3)])
def test_2_an_undo_is_skipped_if_somebody_changed_the_job_since(tag: str, named: str) -> None:
    undo = replace(UNDO, desired=Desired(tag=tag, digest=D3))
    assert decide(case(requested=undo, history=knows((task(), D1), expected=ANOTHER))) == Hold(
        reason=HoldReason.DRIFTED,
        message=f"drift: somebody changed the image in the job, so the undo to {named} is skipped; "
        "deploy it manually if you want it",
        tag=tag,
        digest=D3,
    )


def test_12_an_image_without_a_tag_is_named_so() -> None:
    found = case(rolled_back=True, job=job(task(f"@{D3}")), history=History())
    assert " rolled back to an untagged image" in decide(found).message


def test_13_a_tag_that_is_no_release_is_no_downgrade() -> None:
    assert isinstance(decide(case(desired=Desired(tag="other", digest=D2))), Deploy)


def test_14_while_a_release_runs_the_first_one_is_no_matter() -> None:
    assert isinstance(decide(case(history=knows((task(), D1), baseline_release="v2.0.0"))), Deploy)


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"heed_elsewhere": True}, True),
        ({"heed_elsewhere": False}, False),
        ({}, False),
        ({"heed_elsewhere": True, "desired": Desired(tag="v1.1.0", digest=D3)}, False),
    ],
)
def test_16_an_image_that_failed_on_another_job(fields: dict[str, Any], held: bool) -> None:
    decision = decide(case(**fields, history=knows((task(), D1), failed_elsewhere={D2: "other"})))
    assert isinstance(decision, Hold) is held
    if held:
        assert decision == Hold(
            reason=HoldReason.FAILED_ELSEWHERE,
            message="v1.1.0 failed on job other, with this digest; release the hold there, or deploy it manually",
            tag="v1.1.0",
            digest=D2,
        )


def test_17_the_limit_of_rollouts_is_reached() -> None:
    assert decide(case(queue_reason="3 of 3 rollouts are under way")) == Hold(
        reason=HoldReason.QUEUED,
        message="v1.1.0 waits for a slot: 3 of 3 rollouts are under way; a manual deploy does not wait",
        tag="v1.1.0",
        digest=D2,
    )


SPECIFIED = {HoldReason.UP_TO_DATE, HoldReason.STALLED}
FOR_A_PERSON = {
    HoldReason.UNUSABLE,
    HoldReason.AUTO_DEPLOY_OFF,
    HoldReason.OBSERVE_ONLY,
    HoldReason.DRIFTED,
    HoldReason.DOWNGRADE,
    HoldReason.NOT_A_RELEASE,
}


def test_which_holds_are_specified_and_which_wait_for_a_person() -> None:
    assert {each for each in HoldReason if each.is_specified} == SPECIFIED
    assert {each for each in HoldReason if each.needs_person} == FOR_A_PERSON


@pytest.mark.parametrize("rule", [Rule(), Rule(pinned_tag="v1.1.0")])
@pytest.mark.parametrize("found", [job(), job(task(), task(":v0.9.0", group="b"))])
def test_18_otherwise_it_is_deployed(rule: Rule, found: JobState) -> None:
    decision = decide(case(rule=rule, job=found))
    assert isinstance(decision, Deploy)
    assert (decision.tag, decision.digest, decision.by_digest, decision.former) == ("v1.1.0", D2, False, {})
