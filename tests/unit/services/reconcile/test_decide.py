"""What a look remembers of a watch: its first sight, a change by hand, what was newer, and the answers to events."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.drift import DriftedImage
from app.domain.history import History, InFlight
from app.domain.job import JobState
from app.services.reconcile.claim import Claim
from app.services.reconcile.decide import Circumstances, decide_watch
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.result import WatchResult
from tests.unit.domain.cases import D1, D2, HOST, job, knows, task
from tests.unit.services.reconcile.values import (
    NOW,
    claim,
    event,
    item,
    open_rollout,
    resolved,
    resolved_watches,
    state,
)

OURS = {"app/server": f"{HOST}/team/app:v1.1.0@{D2}"}
OUTSIDE = {"app/server": f"{HOST}/team/app:v1.0.0"}
OUR_HISTORY = replace(knows((task(), D1)), expected=OURS)


def reconciled(each: ResolvedWatch, found: JobState | None, of: Claim | None = None, busy: str = "") -> WatchResult:
    return decide_watch(of or claim(each.state), found, each, Circumstances(busy=busy))[0]


def test_what_is_decided_and_shown() -> None:
    result, decision = decide_watch(claim(), job(), resolved_watches(), Circumstances())
    assert decision == result.decision == Deploy(tag="v1.1.0", digest=D2, message="v1.1.0 follows v1.0.0")
    assert result.resolved is not None
    assert (result.resolved.tag, result.resolved.digest, result.resolved.tags) == ("v1.1.0", D2, ("v1.1.0",))
    image = f"{HOST}/team/app:v1.0.0"
    assert result.specified == (
        {"task": "app/server", "image": image, "identity": image, "tag": "v1.0.0", "digest": D1},
    )


def test_what_holds_it_back_is_passed_on() -> None:
    decision = decide_watch(
        claim(paused=True), job(), resolved_watches(), Circumstances(busy="something is under way")
    )[1]
    assert decision.message == "something is under way"
    assert decide_watch(claim(paused=True), job(), resolved_watches(), Circumstances())[1].message.startswith(
        "everything is paused"
    )


def test_nothing_wanted_is_seen_as_nothing() -> None:
    result = reconciled(resolved_watches(resolved=resolved(desired=None, tags=None)), job())
    assert result.resolved is not None
    assert (result.resolved.tag, result.resolved.digest, result.resolved.tags) == ("", "", None)


@pytest.mark.parametrize(("create_index", "first"), [(0, True), (2, True), (3, False)])
def test_the_highest_release_of_the_first_look_is_recorded(create_index: int, first: bool) -> None:
    watch = state(job_create_index=create_index)
    result = reconciled(resolved_watches(watch, resolved=resolved(tags=("v1.9.0", "v1.10.0", "2.0.0"))), job())
    assert result.history.baseline_release == ("v1.10.0" if first else "")
    assert result.notify is not first


def test_the_first_look_without_any_release_or_list_records_none() -> None:
    watch = state(job_create_index=0)
    assert reconciled(resolved_watches(watch, resolved=resolved(tags=None)), job()).history.baseline_release == ""


def test_the_first_look_tells_only_of_what_cannot_be_followed() -> None:
    result = reconciled(resolved_watches(state(job_create_index=0)), None)
    assert isinstance(result.decision, Hold)
    assert (result.decision.reason, result.notify) == (HoldReason.UNUSABLE, True)


def test_a_hand_change_is_dated_by_the_job() -> None:
    watch = state(history=OUR_HISTORY)
    changed = NOW - timedelta(seconds=30)
    result = reconciled(resolved_watches(watch), job(submitted_at=changed.timestamp()))
    assert (result.drifted_at, result.drift_images) == (changed, OUTSIDE)
    assert isinstance(result.decision, Hold)
    assert result.decision.reason is HoldReason.DRIFTED


@pytest.mark.parametrize(
    ("submitted", "read", "dated"),
    [(None, None, 0), (-600, -10, -10), (-5, -10, -5), (600, -10, 0), (None, -10, 0)],
)
def test_a_clock_of_nomads_that_is_off_is_bounded_by_ours(
    submitted: float | None, read: float | None, dated: float
) -> None:
    watch = state(history=OUR_HISTORY)
    at = 0.0 if submitted is None else NOW.timestamp() + submitted
    of = claim(watch, job_read_at=None if read is None else NOW + timedelta(seconds=read))
    assert reconciled(resolved_watches(watch), job(submitted_at=at), of).drifted_at == NOW + timedelta(seconds=dated)


def test_a_hand_change_keeps_its_date_while_the_images_stay() -> None:
    before = NOW - timedelta(hours=1)
    watch = state(history=OUR_HISTORY, drifted_at=before, drift_images=OUTSIDE)
    scaled = job(submitted_at=NOW.timestamp() - 1)
    assert reconciled(resolved_watches(watch), scaled).drifted_at == before
    again = replace(watch, drift_images={"app/server": "another"})
    assert reconciled(resolved_watches(again), scaled).drifted_at == NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("fields", "new_digest", "goes_on"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"newest_found_at": NOW - timedelta(seconds=31)}, False, False),
        ({"newest_found_at": NOW - timedelta(seconds=29)}, False, True),
        ({"commanded_at": NOW - timedelta(seconds=31)}, False, False),
        ({"commanded_at": NOW - timedelta(seconds=29)}, False, True),
    ],
)
def test_something_newer_than_the_hand_change_goes_on(
    fields: dict[str, object], new_digest: bool, goes_on: bool
) -> None:
    watch = state(history=OUR_HISTORY, **fields)
    result = reconciled(resolved_watches(watch, new_digest=new_digest), job(submitted_at=NOW.timestamp() - 30))
    assert isinstance(result.decision, Deploy) is goes_on


def test_what_ours_left_is_no_hand_change() -> None:
    watch = state(history=OUR_HISTORY, drifted_at=NOW, drift_images=OUTSIDE)
    result = reconciled(resolved_watches(watch), job(task(f":v1.1.0@{D2}")))
    assert (result.drifted_at, result.drift_images) == (None, {})


def test_after_a_failure_what_is_found_is_taken_as_ours() -> None:
    watch = state(history=OUR_HISTORY, rebaseline=True)
    result = reconciled(resolved_watches(watch), job())
    assert result.history.expected == OUTSIDE
    assert result.drifted_at is None


def test_digests_of_images_that_are_gone_are_forgotten_but_not_during_a_rollout() -> None:
    history = History(digests={f"{HOST}/team/app:v1.0.0": D1, f"{HOST}/team/app:v0.9.0": D2})
    watch = state(history=history)
    assert reconciled(resolved_watches(watch), job()).history.digests == {f"{HOST}/team/app:v1.0.0": D1}
    during = claim(watch, rollout=open_rollout(item(), submitted=True))
    assert reconciled(resolved_watches(watch), job(), during).history.digests == history.digests


def test_events_are_answered_with_the_decision() -> None:
    watch = state(events=(event(), event("v1.1.0", D1, event_id=2)))
    answers = reconciled(resolved_watches(watch), job()).events
    assert [(each.event_id, each.settled, each.message) for each in answers] == [
        (1, True, "v1.1.0 follows v1.0.0"),
        (2, False, "the registry does not show this digest for v1.1.0 yet"),
    ]


def test_the_first_check_expects_what_it_finds_unless_the_job_cannot_be_followed() -> None:
    first = state(job_create_index=0)
    assert reconciled(resolved_watches(first), job()).history.expected == OUTSIDE
    anew = state(history=OUR_HISTORY, job_create_index=2, drifted_at=NOW, drift_images=OURS)
    result = reconciled(resolved_watches(anew), job())
    assert (result.history.expected, result.drifted_at, result.outside) == (OUTSIDE, None, None)
    assert reconciled(resolved_watches(first), job(unusable="job app is stopped")).history.expected == {}


def test_what_somebody_changed_is_recorded_one_time() -> None:
    watch = state(history=OUR_HISTORY)
    result = reconciled(resolved_watches(watch), job())
    assert result.outside is not None
    assert result.outside.changes == (
        DriftedImage(task="app/server", before=OURS["app/server"], after=OUTSIDE["app/server"]),
    )
    known = replace(watch, drifted_at=NOW, drift_images=OUTSIDE)
    assert reconciled(resolved_watches(known), job()).outside is None
    back = reconciled(resolved_watches(known), job(task(f":v1.1.0@{D2}")))
    assert back.outside is not None
    assert back.outside.changes[0].before == OUTSIDE["app/server"]


def test_a_registration_of_ours_that_arrives_late_is_not_somebodys_change() -> None:
    arrived = InFlight(index=5, key="app/server", identity=f"{HOST}/team/app:v1.0.0", digest=D1, tag="v1.0.0")
    watch = state(history=OUR_HISTORY, drifted_at=NOW, drift_images={"app/server": "another"}, in_flight=(arrived,))
    assert reconciled(resolved_watches(watch), job()).outside is None


def test_nomads_revert_is_taken_as_it_is_unless_somebody_had_changed_the_image_before() -> None:
    watch = state(history=OUR_HISTORY)
    result = reconciled(resolved_watches(watch), job(reverted=True))
    assert (result.history.expected, result.drifted_at, result.outside) == (OUTSIDE, None, None)
    before = NOW - timedelta(hours=1)
    changed = replace(watch, drifted_at=before, drift_images={"app/server": "another"})
    result = reconciled(resolved_watches(changed), job(reverted=True))
    assert (result.history.expected, result.drifted_at, result.outside) == (OURS, before, None)
    assert result.drift_images == OUTSIDE


def test_a_job_that_is_older_than_it_was_is_taken_as_it_is() -> None:
    watch = state(history=OUR_HISTORY, drifted_at=NOW, drift_images={"app/server": "another"})
    found = job()
    restored = replace(claim(watch), job_index=found.index + 1)
    result = reconciled(resolved_watches(watch), found, restored)
    assert (result.history.expected, result.drifted_at, result.outside) == (OUTSIDE, None, None)
    assert isinstance(result.decision, Deploy)
    same = replace(restored, job_index=found.index)
    assert reconciled(resolved_watches(watch), found, same).history.expected == OURS


def test_a_change_to_the_desired_image_is_expected_from_then_on_but_not_during_a_rollout() -> None:
    watch = state(history=replace(OUR_HISTORY, expected={"app/server": "another"}))
    wanted = resolved(tag="v1.0.0", digest=D1)
    result = reconciled(resolved_watches(watch, resolved=wanted), job())
    assert (result.history.expected, result.drifted_at) == (OUTSIDE, None)
    during = claim(watch, rollout=open_rollout(item(), submitted=True))
    result = reconciled(resolved_watches(watch, resolved=wanted), job(), during)
    assert result.history.expected == {"app/server": "another"}
