"""When a request replaces the active rollout, what goes along, and what happens to an patch that is left."""

from dataclasses import replace
from uuid import UUID

import pytest

from app.domain.job import JobPatch
from app.domain.rollout import Origin
from app.domain.supersede import (
    ActiveRollout,
    Replacement,
    Request,
    RequestedItem,
    drops_patch,
    keeps_identity,
    may_arrive,
    replacement,
)
from tests.unit.domain.cases import D1, D2, D3, job

ITEM = RequestedItem(watch="app", tag="v1.1.0", digest=D2, forced=True)
SIDE = RequestedItem(watch="side", tag="v2.0.0", digest=D3)
UNDONE, ANOTHER = UUID(int=7), UUID(int=8)

DEPLOY = Request(origin=Origin.DEPLOY, items=(ITEM,), by="ann")
RESET = Request(origin=Origin.RESET, items=(replace(ITEM, forced=False),), by="ann")
ROLLBACK = Request(origin=Origin.ROLLBACK, items=(replace(ITEM, forced=False),), by="ann", undoes=UNDONE)


def active(*items: RequestedItem, origin: Origin = Origin.DEPLOY, submitted: bool = False) -> ActiveRollout:
    return ActiveRollout(
        rollout_id=UUID(int=1), origin=origin, submitted=submitted, items=items or (ITEM,), undoes=UNDONE
    )


@pytest.mark.parametrize("submitted", [False, True])
@pytest.mark.parametrize("request_", [DEPLOY, RESET])
def test_a_deploy_that_a_person_asked_for_is_the_same_deploy_again(request_: Request, submitted: bool) -> None:
    assert replacement(active(submitted=submitted), request_) is None
    assert replacement(active(SIDE, ITEM, submitted=submitted), request_) is None


def test_another_tag_or_another_watch_is_another_deploy() -> None:
    assert replacement(active(replace(ITEM, tag="v1.2.0")), DEPLOY) is not None
    assert replacement(active(SIDE), DEPLOY) is not None


@pytest.mark.parametrize(
    ("origin", "submitted", "is_same"),
    [
        (Origin.DEPLOY, False, True),  # what is not registered yet follows its tag
        (Origin.DEPLOY, True, False),
        (Origin.ROLLBACK, False, False),  # what goes back does not
        (Origin.UNDO, False, False),
    ],
)
def test_the_digest_counts_once_it_does_not_follow_the_tag(origin: Origin, submitted: bool, is_same: bool) -> None:
    moved = active(replace(ITEM, digest=D3), origin=origin, submitted=submitted)
    assert (replacement(moved, DEPLOY) is None) is is_same


@pytest.mark.parametrize(
    ("origin", "forced", "deploy_is_same"),
    [
        (Origin.DEPLOY, True, True),
        (Origin.RESET, False, False),
        (Origin.RULE, True, False),
        (Origin.RULE, False, False),
        (Origin.UNDO, True, False),
        (Origin.ROLLBACK, True, True),
    ],
)
def test_a_reset_takes_any_rollout_and_a_deploy_only_one_that_is_as_strong(
    origin: Origin, forced: bool, deploy_is_same: bool
) -> None:
    found = active(replace(ITEM, forced=forced), origin=origin)
    assert replacement(found, RESET) is None
    assert (replacement(found, DEPLOY) is None) is deploy_is_same


@pytest.mark.parametrize(
    ("origin", "submitted", "goes_along"),
    [
        (Origin.DEPLOY, False, True),
        (Origin.RESET, False, True),
        (Origin.DEPLOY, True, False),  # Nomad has it
        (Origin.RULE, False, False),  # the rule asks again by itself
        (Origin.UNDO, False, False),
        (Origin.ROLLBACK, False, False),
    ],
)
def test_what_people_asked_for_other_watches_goes_along_with_a_deploy(
    origin: Origin, submitted: bool, goes_along: bool
) -> None:
    old = replace(ITEM, tag="v1.0.0", digest=D1)
    found = replacement(active(old, SIDE, origin=origin, submitted=submitted), DEPLOY)
    assert found == Replacement(items=(SIDE, ITEM) if goes_along else (ITEM,), reason="ann asked for app v1.1.0")


def test_the_same_rollback_again_is_one_rollback() -> None:
    assert replacement(active(replace(ITEM, forced=False), origin=Origin.ROLLBACK), ROLLBACK) is None


@pytest.mark.parametrize(
    "other",
    [
        active(),
        active(origin=Origin.UNDO),
        active(ITEM, SIDE, origin=Origin.ROLLBACK),
        active(replace(ITEM, tag=""), origin=Origin.ROLLBACK),
        active(replace(ITEM, digest=D3), origin=Origin.ROLLBACK),
        replace(active(origin=Origin.ROLLBACK), undoes=ANOTHER),
    ],
)
def test_any_other_rollout_gives_way_to_a_rollback_and_leaves_nothing(other: ActiveRollout) -> None:
    assert replacement(other, ROLLBACK) == Replacement(items=ROLLBACK.items, reason="ann rolled back to app v1.1.0")


def test_the_reason_names_each_watch_and_a_bare_digest() -> None:
    bare = replace(ROLLBACK, by="", items=(replace(ITEM, tag=""), SIDE))
    found = replacement(active(), bare)
    assert found is not None
    assert found.reason == f"a person rolled back to app {D2}, side v2.0.0"


APP, APP_LATER, BESIDE = ("app", "v1", D1), ("app", "v2", D2), ("side", "v1", D1)


def test_a_rollout_of_the_rule_stays_itself_while_it_is_the_same() -> None:
    assert keeps_identity(Origin.RULE, {APP}, {APP})
    assert not keeps_identity(Origin.RULE, {APP}, {APP_LATER})
    assert not keeps_identity(Origin.RULE, {APP}, {APP, BESIDE})


@pytest.mark.parametrize("origin", [each for each in Origin if each.is_explicit])
def test_an_order_stays_itself_while_it_does_any_of_it(origin: Origin) -> None:
    assert keeps_identity(origin, {APP, BESIDE}, {APP_LATER})
    assert not keeps_identity(origin, {BESIDE}, {APP})


PATCH = JobPatch(changes={}, expected_index=7)


@pytest.mark.parametrize("origin", list(Origin))
def test_an_order_is_left_by_another_one_or_by_the_end(origin: Origin) -> None:
    later = replace(PATCH, expected_index=8)
    assert drops_patch(origin, PATCH, registers=later, ends=False, queued=False)
    assert not drops_patch(origin, PATCH, registers=PATCH, ends=False, queued=False)
    assert drops_patch(origin, PATCH, registers=None, ends=True, queued=False)
    assert not drops_patch(origin, PATCH, registers=None, ends=False, queued=False)


@pytest.mark.parametrize("origin", list(Origin))
def test_only_the_rule_leaves_its_order_to_wait(origin: Origin) -> None:
    assert drops_patch(origin, PATCH, registers=None, ends=False, queued=True) is not origin.is_explicit


def test_an_order_may_arrive_while_the_job_is_where_it_expects_it() -> None:
    assert may_arrive(PATCH, job(index=7))
    assert not may_arrive(PATCH, job(index=8))
    assert not may_arrive(PATCH, None)
    assert not may_arrive(None, job(index=7))
