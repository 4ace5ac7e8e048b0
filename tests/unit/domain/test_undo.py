"""What an undo and a rollback go back to, and what the end of a rollout leaves."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.domain.rollout import Origin, Outcome, OutcomeKind
from app.domain.supersede import RequestedItem
from app.domain.undo import (
    Aftermath,
    Candidate,
    FailedItem,
    Reversal,
    RevertedItem,
    RollbackOffer,
    aftermath,
    can_undo,
    rollback_offer,
    rolled_back_to,
    running_digest,
    undone_by_rollout,
    with_next_steps,
)
from tests.unit.domain.cases import D1, D2, D3

BEFORE, EARLIER, FIRST = (
    Candidate(tag="v2", digest=D2),
    Candidate(tag="v1", digest=D1),
    Candidate(tag="", digest="sha256:first"),
)
UNKNOWN = Candidate(tag="", digest="")
ITEM = FailedItem(watch="app", digest=D3, before=BEFORE, succeeded=(BEFORE, EARLIER, FIRST))
FAILED = Outcome(kind=OutcomeKind.FAILED, reason="it failed")
HELD = "; the failed digest is held: push a newer image, or release the hold"


def after(*failed: FailedItem, origin: Origin = Origin.RULE, paused: bool = False) -> Aftermath:
    return aftermath(FAILED, origin, failed, paused=paused)


def undone(**fields: Any) -> list[Candidate]:
    return [Candidate(tag=each.tag, digest=each.digest) for each in after(replace(ITEM, **fields)).undo]


def test_a_failure_goes_back_to_what_ran_before() -> None:
    assert after(ITEM) == Aftermath(
        outcome=Outcome(kind=OutcomeKind.FAILED, reason=f"it failed; restoring app v2{HELD}"),
        holds=True,
        undo=(RequestedItem(watch="app", tag="v2", digest=D2),),
        adopts=False,
        frees_slot=False,
    )


@pytest.mark.parametrize(
    ("fields", "to"),
    [
        ({"held": frozenset({D2})}, [EARLIER]),
        ({"held": frozenset({D2, D1})}, [FIRST]),
        ({"held": frozenset({D2, D1, FIRST.digest})}, []),
        ({"before": UNKNOWN}, [BEFORE]),
        ({"before": UNKNOWN, "succeeded": ()}, []),
        ({"before": UNKNOWN, "succeeded": (Candidate(tag="v3", digest=D3), EARLIER)}, [EARLIER]),
    ],
)
def test_where_that_failed_itself_or_is_unknown_what_succeeded_last_is_next(
    fields: dict[str, Any], to: list[Candidate]
) -> None:
    assert undone(**fields) == to


@pytest.mark.parametrize(
    "fields",
    [
        {"before": Candidate(tag="v3", digest=D3)},
        {"present": False},
        {"observe_only": True},
        {"revert_on_failure": False},
    ],
)
def test_a_redeploy_and_a_watch_that_does_not_want_it_go_back_to_nothing(fields: dict[str, Any]) -> None:
    assert undone(**fields) == []


@pytest.mark.parametrize(
    ("origin", "paused", "undoes"),
    [
        (Origin.RULE, False, True),
        (Origin.DEPLOY, False, True),
        (Origin.RESET, False, True),
        (Origin.ROLLBACK, False, False),
        (Origin.UNDO, False, False),
        (Origin.RULE, True, True),
        (Origin.DEPLOY, True, True),
        (Origin.UNDO, True, False),
    ],
)
def test_what_goes_back_itself_is_not_undone_and_a_pause_stops_no_undo(
    origin: Origin, paused: bool, undoes: bool
) -> None:
    found = after(ITEM, origin=origin, paused=paused)
    assert bool(found.undo) is undoes
    assert (found.holds, found.adopts, found.frees_slot) == (True, not undoes, not undoes)
    despite = ", although everything is paused: the undo belongs to this rollout" if paused else ""
    assert found.outcome.reason == f"it failed{f'; restoring app v2{despite}' if undoes else ''}{HELD}"


def test_a_failure_is_not_ours_where_nomad_goes_back_or_work_would_be_done_twice() -> None:
    assert can_undo(reverted_to=None, completes=False)
    assert not can_undo(reverted_to=0, completes=False)
    assert not can_undo(reverted_to=None, completes=True)


def test_each_watch_goes_back_for_itself() -> None:
    side = replace(ITEM, watch="side", before=FIRST)
    found = after(ITEM, replace(ITEM, watch="left", present=False), side)
    assert [each.label for each in found.undo] == ["app v2", "side sha256:first"]
    assert found.outcome.reason == f"it failed; restoring app v2, side sha256:first{HELD}"


def test_a_success_forgives_and_any_other_end_leaves_nothing() -> None:
    for kind in OutcomeKind:
        outcome = replace(FAILED, kind=kind)
        if kind is not OutcomeKind.FAILED:
            expected = Aftermath(outcome=outcome, forgives=kind is OutcomeKind.SUCCEEDED)
            assert aftermath(outcome, Origin.RULE, (ITEM,), paused=False) == expected
            assert with_next_steps(outcome, ()) == outcome


def test_a_rollback_of_the_newest_brings_what_ran_before_and_of_another_what_that_brought() -> None:
    assert rolled_back_to(EARLIER, BEFORE, is_newest=True) == BEFORE
    assert rolled_back_to(EARLIER, BEFORE, is_newest=False) == EARLIER
    assert rolled_back_to(EARLIER, UNKNOWN, is_newest=True) is None
    assert rolled_back_to(UNKNOWN, BEFORE, is_newest=False) is None


def offer(*items: RevertedItem, **fields: Any) -> RollbackOffer | None:
    usual = {"origin": Origin.RULE, "outcome": OutcomeKind.SUCCEEDED, "is_newest": True, "undone": False}
    return rollback_offer(items or (REVERTED,), **{**usual, **fields})


REVERTED = RevertedItem(
    watch="app", deployed=Candidate(tag="v3", digest=D3), before=BEFORE, specified=frozenset({D3}), failed=frozenset()
)


def test_a_rollback_is_offered_with_its_goal() -> None:
    assert offer() == RollbackOffer(goal="v2")
    assert offer(outcome=OutcomeKind.FAILED) == RollbackOffer(goal="v2")
    older = {"is_newest": False}
    assert offer(replace(REVERTED, specified=frozenset({D1})), **older) == RollbackOffer(goal="v3")
    assert offer(replace(REVERTED, specified=frozenset({D1})), outcome=OutcomeKind.NEXT_LAUNCH, **older)


@pytest.mark.parametrize(
    "fields",
    [
        {"origin": Origin.UNDO},
        {"undone": True},
        {"outcome": None},
        {"outcome": OutcomeKind.FAILED, "is_newest": False},
        {"is_newest": False},
    ],
)
def test_no_rollback_is_offered_of_an_undo_or_to_what_did_not_succeed_or_is_there(fields: dict[str, Any]) -> None:
    assert offer(**fields) is None


def test_a_rollback_of_a_rollback_warns_when_its_goal_failed_here() -> None:
    failed = replace(REVERTED, failed=frozenset({D2}))
    assert offer(failed, origin=Origin.ROLLBACK) == RollbackOffer(goal="v2", failed=True)
    # The job specifies what failed, and does not run it: returning to it is an offer all the same.
    assert offer(replace(failed, specified=frozenset({D2}))) == RollbackOffer(goal="v2", failed=True)
    assert offer(replace(REVERTED, specified=frozenset({D2}))) is None
    assert offer(replace(REVERTED, failed=frozenset({D3}))) == RollbackOffer(goal="v2")


def test_an_older_undo_is_a_version_like_any_other() -> None:
    item = replace(REVERTED, specified=frozenset({D1}))
    assert offer(item, origin=Origin.UNDO, is_newest=False) == RollbackOffer(goal="v3")


def test_the_goals_of_several_watches_are_named_where_they_differ() -> None:
    side = replace(REVERTED, watch="side", before=FIRST)
    assert offer(REVERTED, side) == RollbackOffer(goal="app v2, side sha256:first")
    assert offer(REVERTED, replace(REVERTED, watch="side")) == RollbackOffer(goal="v2")
    assert offer(REVERTED, replace(REVERTED, watch="side", before=UNKNOWN)) is None
    assert rollback_offer([], origin=Origin.RULE, outcome=OutcomeKind.SUCCEEDED, is_newest=True, undone=False) is None


@pytest.mark.parametrize(
    ("digests", "failed", "read_since", "running"),
    [
        ([D1, D1], [], True, D1),
        ([D1], [D2], True, D1),
        ([D1], [D1], True, ""),
        ([D1, D2], [], True, ""),
        ([], [], True, ""),
        ([D1], [], False, ""),
    ],
)
def test_the_running_digest_is_known_where_all_tasks_run_it(
    digests: list[str], failed: list[str], read_since: bool, running: str
) -> None:
    assert running_digest(digests, failed, read_since=read_since) == running


def reversal(intent: int, *, origin: Origin = Origin.ROLLBACK, ended: bool = False) -> Reversal:
    return Reversal(rollout_id=UUID(int=intent), origin=origin, intent=intent, ended=ended, label=f"app v{intent}")


def test_a_rollout_is_taken_back_by_what_is_under_way_or_was_registered_last() -> None:
    under_way, over = reversal(2), reversal(3, origin=Origin.UNDO, ended=True)
    assert undone_by_rollout([], None) is None
    assert undone_by_rollout([under_way], None) == under_way
    assert undone_by_rollout([over], UUID(int=3)) == over
    assert undone_by_rollout([over], UUID(int=9)) is None
    assert undone_by_rollout([under_way, over], UUID(int=3)) == over
    assert undone_by_rollout([reversal(4, origin=Origin.DEPLOY)], None) is None
