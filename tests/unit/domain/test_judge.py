"""Judging a rollout by one snapshot of it: Nomad's verdict, then the job, then the allocations, then the timers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.deployment import (
    AllocationState,
    DeploymentPhase,
    DeploymentState,
    Diagnosis,
    RunningSince,
    Snapshot,
    WaitIndex,
)
from app.domain.job import Submission
from app.domain.judge import Verdict, judge
from app.domain.rollout import Course, Lost, Origin, Outcome, OutcomeKind, Patience, Promote, Returning, Wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COURSE = Course(submission=Submission(index=9, evaluation_id="e"), started_at=NOW, progressed_at=NOW)
DEPLOYMENT = DeploymentState(
    deployment_id="d", phase=DeploymentPhase.ACTIVE, description="words", desired=2, placed=2, healthy=1, unhealthy=0
)
RUNNING = Snapshot(present=True, index=9, evaluated=True, desired=2)
DEPLOYING = replace(RUNNING, deployment=DEPLOYMENT)
CANARIES = replace(
    DEPLOYING, index=9, deployment=replace(DEPLOYMENT, desired=4, healthy=2, canaries=2, awaits_promotion=True)
)
PATIENCE = Patience(stall_after=900, deadline=3600, grace=10)
STALLED = ", so we no longer wait; check the job in Nomad, or deploy another tag"


def verdict(snapshot: Snapshot, course: Course = COURSE, *, seconds: float = 0) -> Verdict:
    seen = {
        each.allocation_id: RunningSince(started=each.started, at=NOW - timedelta(seconds=each.started))
        for each in snapshot.allocations
        if each.started is not None
    }
    watched = replace(course, running_since=seen)
    return judge(snapshot, watched, patience=PATIENCE, now=NOW + timedelta(seconds=seconds))


def outcome(snapshot: Snapshot, course: Course = COURSE, *, seconds: float = 0) -> tuple[OutcomeKind, str] | None:
    found = verdict(snapshot, course, seconds=seconds)
    return (found.kind, found.reason) if isinstance(found, Outcome) else None


def allocation(status: str, since: float | None = None) -> AllocationState:
    """`since` is for how many seconds we have seen it run."""
    return AllocationState(allocation_id=f"{status}{since}", status=status, started=since)


def test_a_registration_that_is_newer_than_the_job_is_lost() -> None:
    found = verdict(replace(RUNNING, index=8))
    assert isinstance(found, Lost)
    assert "it made index 9, and the job is at 8" in found.note


@pytest.mark.parametrize(
    "snapshot",
    [
        replace(DEPLOYING, index=8),
        replace(RUNNING, index=8, stable=True),
        replace(RUNNING, index=8, present=False),
        RUNNING,
        replace(RUNNING, index=10),
    ],
)
def test_a_registration_that_nomad_has_or_had_is_not_lost(snapshot: Snapshot) -> None:
    assert not isinstance(verdict(snapshot), Lost)


def test_a_registration_that_changed_nothing_is_not_lost() -> None:
    unchanged = replace(COURSE, submission=replace(COURSE.submission, changed=False))
    assert not isinstance(verdict(replace(RUNNING, index=8), unchanged), Lost)


def test_a_revert_is_followed_although_the_job_went_back() -> None:
    returning = Returning(submission=Submission(index=12, evaluation_id="r"), version=2, reason="it failed")
    assert not isinstance(verdict(replace(RUNNING, index=8), replace(COURSE, returning=returning)), Lost)


def test_a_rollout_of_which_nothing_is_there_yet_is_read_again_soon() -> None:
    """The job may have been read just before Nomad was restored, and its allocations after that: no index tells."""
    waits_for = WaitIndex(subject="evaluation/e", index=9)
    nothing = verdict(replace(RUNNING, wait_index=waits_for), seconds=100)
    assert isinstance(nothing, Wait)
    assert nothing.seconds == 5
    placed = verdict(replace(RUNNING, wait_index=waits_for, allocations=(allocation("pending"),)), seconds=100)
    assert isinstance(placed, Wait)
    assert placed.seconds > 5


def test_a_registration_that_changed_nothing_is_done() -> None:
    unchanged = replace(COURSE, submission=replace(COURSE.submission, changed=False))
    assert outcome(Snapshot(present=False), unchanged) == (
        OutcomeKind.SUCCEEDED,
        "the job already specified this image; Nomad made no new version",
    )


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        (DeploymentPhase.SUCCESSFUL, OutcomeKind.SUCCEEDED),
        (DeploymentPhase.FAILED, OutcomeKind.FAILED),
        (DeploymentPhase.REPLACED, OutcomeKind.SUPERSEDED),
        (DeploymentPhase.STOPPED, OutcomeKind.STOPPED),
    ],
)
def test_nomads_verdict_on_the_deployment_comes_first(phase: DeploymentPhase, kind: OutcomeKind) -> None:
    judged = replace(
        DEPLOYING, deployment=replace(DEPLOYMENT, phase=phase), present=False, stopped=True, stable=False, index=77
    )
    assert outcome(judged, seconds=99_999) == (kind, "words")


def test_a_failure_names_its_cause() -> None:
    failed = replace(
        DEPLOYING,
        deployment=replace(DEPLOYMENT, phase=DeploymentPhase.FAILED),
        failures=("exited with code 3 (app/server)", "Nomad does not restart it (app/server)"),
        unplaced="no room",
    )
    assert verdict(failed) == Outcome(
        kind=OutcomeKind.FAILED,
        reason="exited with code 3 (app/server); Nomad does not restart it (app/server); no room; words",
        cause="exited with code 3 (app/server)",
    )


def test_a_diagnosed_cause_comes_first_and_once() -> None:
    failed = Outcome(kind=OutcomeKind.FAILED, reason="words")
    checked = Diagnosis(findings=("health check failed (app)", "another"))
    explained = replace(failed, reason="health check failed (app); words", cause="health check failed (app)")
    assert failed.explained(checked) == explained
    assert explained.explained(checked) == explained
    assert failed.explained(Diagnosis()) == failed
    named = replace(failed, reason="health check failed (app); words")
    assert named.explained(checked) == explained


NOT_PLACED = replace(
    DEPLOYMENT, phase=DeploymentPhase.FAILED, description="Failed due to progress deadline", placed=1, healthy=1,
    deadline_passed=True,
)  # fmt: skip


def test_a_deadline_that_passed_for_want_of_a_place_is_no_failure() -> None:
    lacking = replace(DEPLOYING, deployment=NOT_PLACED, unplaced="no room")
    assert verdict(lacking) == Outcome(
        kind=OutcomeKind.STALLED,
        reason="no room; 1 of 2 allocations are healthy; Failed due to progress deadline; "
        "make room for it in Nomad, and it is deployed again; or deploy another tag",
        cause="no room",
    )
    reverted = verdict(replace(lacking, deployment=replace(NOT_PLACED, reverted_to=3)))
    assert isinstance(reverted, Outcome)
    assert reverted.reverted_to == 3
    assert "; Nomad reverted to version 3; make room" in reverted.reason


@pytest.mark.parametrize(
    ("deployment", "unplaced"),
    [
        (NOT_PLACED, ""),
        (replace(NOT_PLACED, unhealthy=1), "no room"),
        (replace(NOT_PLACED, healthy=0), "no room"),
        (replace(NOT_PLACED, placed=2, healthy=2), "no room"),
        (replace(NOT_PLACED, deadline_passed=False), "no room"),
    ],
)
def test_a_deadline_with_any_doubt_about_the_image_is_a_failure(deployment: DeploymentState, unplaced: str) -> None:
    found = outcome(replace(DEPLOYING, deployment=deployment, unplaced=unplaced))
    assert found is not None
    assert found[0] is OutcomeKind.FAILED


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (
            Snapshot(present=False),
            (OutcomeKind.STOPPED, "the job was purged; register it again (nomad job run), or remove its watch"),
        ),
        (
            replace(DEPLOYING, stopped=True, stable=True),
            (OutcomeKind.STOPPED, "the job was stopped; run it again in Nomad, and updates continue"),
        ),
        (
            replace(RUNNING, stable=True, index=12),
            (OutcomeKind.SUCCEEDED, "Nomad marked this version of the job as stable"),
        ),
        (
            replace(RUNNING, launches_later=True, index=12),
            (OutcomeKind.NEXT_LAUNCH, "the job's next launch uses it"),
        ),
        (
            replace(RUNNING, index=12),
            (
                OutcomeKind.SUPERSEDED,
                "somebody else registered the job again; the next check decides by the new specification",
            ),
        ),
    ],
)
def test_what_happened_to_the_job(snapshot: Snapshot, expected: tuple[OutcomeKind, str]) -> None:
    assert outcome(snapshot) == expected


def test_a_job_that_moved_on_while_its_deployment_goes_on_is_waited_for() -> None:
    assert outcome(replace(DEPLOYING, index=12)) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"desired": 0}, (OutcomeKind.SUCCEEDED, "the job specifies no allocation to run")),
        ({"desired": 0, "evaluated": False}, None),
        ({"desired": 0, "unplaced": "no room"}, None),
        ({"allocations": ()}, None),
        ({"allocations": (allocation("running", 10), allocation("running", 11))}, "done"),
        ({"allocations": (allocation("running", 10), allocation("running", 9))}, None),
        ({"allocations": (allocation("running", 10), allocation("running"))}, None),
        ({"allocations": (allocation("running", 10), allocation("lost"))}, None),
        ({"allocations": (allocation("running", 10), allocation("failed"))}, "failed"),
        ({"allocations": (allocation("complete"), allocation("complete", 1))}, None),
        ({"allocations": (allocation("complete"), allocation("running", 10)), "completes": True}, None),
        ({"allocations": (allocation("complete"), allocation("complete", 1)), "completes": True}, "completed"),
        ({"allocations": (allocation("pending"), allocation("complete")), "completes": True}, None),
    ],
)
def test_without_a_deployment_the_allocations_decide(
    fields: dict[str, Any], expected: tuple[OutcomeKind, str] | str | None
) -> None:
    named = {
        "done": (OutcomeKind.SUCCEEDED, "all 2 allocations run"),
        "completed": (OutcomeKind.SUCCEEDED, "all 2 allocations completed"),
        "failed": (OutcomeKind.FAILED, "it crashed; an allocation failed"),
    }
    snapshot = replace(RUNNING, failures=("it crashed",), **fields)
    assert outcome(snapshot) == (named[expected] if isinstance(expected, str) else expected)


def test_with_a_deployment_the_allocations_do_not_decide() -> None:
    assert outcome(replace(DEPLOYING, allocations=(allocation("failed"),))) is None


def test_a_rollout_without_progress_stalls() -> None:
    assert outcome(DEPLOYING, seconds=900) is None
    assert outcome(replace(DEPLOYING, unplaced="no room"), seconds=901) == (
        OutcomeKind.STALLED,
        f"no room; 1 of 2 allocations are healthy; nothing changed for 901 s{STALLED}",
    )


def test_movement_starts_the_stall_timer_anew_but_not_the_deadline() -> None:
    moving = replace(COURSE, progressed_at=NOW + timedelta(seconds=3000))
    assert outcome(DEPLOYING, moving, seconds=3600) is None
    assert outcome(DEPLOYING, moving, seconds=3601) == (
        OutcomeKind.STALLED,
        f"1 of 2 allocations are healthy; not finished after 3601 s{STALLED}",
    )


def test_a_system_job_without_deployments_says_how_many_nodes_run_it() -> None:
    """As after a failed deployment: Nomad makes none for the next version, and one node never gets it."""
    half = replace(RUNNING, per_node=True, allocations=(allocation("running", 10), allocation("pending")))
    found = verdict(half)
    assert isinstance(found, Wait)
    assert found.note == "1 of 2 nodes run it"
    assert outcome(half, seconds=901) == (
        OutcomeKind.STALLED,
        f"1 of 2 nodes run it; nothing changed for 901 s{STALLED}",
    )


def test_the_clocks_of_nomad_and_ours_are_not_compared() -> None:
    """A node's clock is a minute behind or ahead: what counts is for how long we have seen the allocation run."""
    for start in (NOW.timestamp() - 61, NOW.timestamp() + 61):
        ran = AllocationState(allocation_id="a", status="running", started=start)
        snapshot = replace(RUNNING, desired=1, allocations=(ran,))
        seen = snapshot.running_since({}, NOW)
        ends = []
        for seconds in (0, 9, 10):
            now = NOW + timedelta(seconds=seconds)
            seen = snapshot.running_since(seen, now)
            course = replace(COURSE, running_since=seen)
            ends.append(isinstance(judge(snapshot, course, patience=PATIENCE, now=now), Outcome))
        assert ends == [False, False, True]


def test_a_restart_begins_the_grace_time_again() -> None:
    later = NOW + timedelta(seconds=9)
    before = {"a": RunningSince(started=1.0, at=NOW), "b": RunningSince(started=1.0, at=NOW)}
    restarted = AllocationState(allocation_id="a", status="running", started=2.0)
    same = AllocationState(allocation_id="b", status="running", started=1.0)
    gone = AllocationState(allocation_id="c", status="failed")
    found = replace(RUNNING, allocations=(restarted, same, gone)).running_since(before, later)
    assert found == {"a": RunningSince(started=2.0, at=later), "b": before["b"]}


def test_a_missing_place_is_looked_into_on_a_clock_of_its_own() -> None:
    """The deployment does not move, so its wait index would be waited for in vain."""
    lacking = replace(DEPLOYING, lacks_placements=True, wait_index=WaitIndex(subject="deployment/d", index=12))
    for age, seconds in ((0, 2.05), (20, 5.05), (800, 10.05)):
        found = verdict(lacking, seconds=age)
        assert isinstance(found, Wait)
        assert found.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("snapshot", "note"),
    [
        (replace(RUNNING, evaluated=False), "waiting for Nomad's scheduler"),
        (RUNNING, "waiting for allocations"),
        (DEPLOYING, "1 of 2 allocations are healthy"),
        (
            replace(RUNNING, allocations=(allocation("running", 1),), completes=True),
            "0 of 2 allocations completed",
        ),
        (replace(RUNNING, allocations=(allocation("running", 1),)), "1 of 2 allocations run"),
        (
            CANARIES,
            "2 of 2 canaries are healthy; waiting for promotion: promote or fail this rollout",
        ),
        (replace(DEPLOYING, deployment=replace(DEPLOYMENT, paused=True)), "the deployment is paused in Nomad"),
        (
            replace(RUNNING, unplaced="no room", failures=("it crashed",)),
            "waiting for allocations; it crashed; no room",
        ),
    ],
)
def test_waiting_names_its_reason(snapshot: Snapshot, note: str) -> None:
    found = verdict(snapshot)
    assert isinstance(found, Wait)
    assert found.note == note


@pytest.mark.parametrize(("age", "seconds"), [(0, 0.1), (1, 0.1), (20, 2.0), (50, 5.0), (800, 5.0)])
def test_a_young_rollout_is_followed_often(age: float, seconds: float) -> None:
    found = verdict(DEPLOYING, seconds=age)
    assert isinstance(found, Wait)
    assert found.seconds == pytest.approx(seconds)


WAIT_INDEX = WaitIndex(subject="deployment/d", index=12)


@pytest.mark.parametrize(
    ("snapshot", "age", "seconds"),
    [
        (DEPLOYING, 0, 300.05),  # waited for, and looked at once in a while
        (DEPLOYING, 800, 100.05),  # when the stall timer runs out
        (replace(RUNNING, allocations=(allocation("running", 4),)), 0, 6.05),  # when it has proved itself
        (replace(RUNNING, allocations=(allocation("running", 4),), completes=True), 0, 300.05),
        (replace(RUNNING, allocations=(allocation("running", 10), allocation("pending"))), 0, 300.05),
    ],
)
def test_a_rollout_with_a_wait_index_is_followed_on_a_change_or_timer(
    snapshot: Snapshot, age: float, seconds: float
) -> None:
    found = verdict(replace(snapshot, wait_index=WAIT_INDEX), seconds=age)
    assert isinstance(found, Wait)
    assert found.seconds == pytest.approx(seconds)


def test_a_deployment_judges_its_allocations_itself_so_no_grace_time_is_awaited() -> None:
    found = verdict(replace(DEPLOYING, allocations=(allocation("running", 4),), wait_index=WAIT_INDEX))
    assert isinstance(found, Wait)
    assert found.seconds == pytest.approx(300.05)


def test_a_rollout_is_followed_at_its_deadline() -> None:
    moving = replace(COURSE, progressed_at=NOW + timedelta(seconds=3500))
    found = verdict(replace(DEPLOYING, wait_index=WAIT_INDEX), moving, seconds=3550)
    assert isinstance(found, Wait)
    assert found.seconds == pytest.approx(50.05)


def test_work_that_takes_long_is_no_stall_until_the_deadline() -> None:
    at_work = replace(RUNNING, allocations=(allocation("running", 1),), completes=True)
    assert outcome(at_work, seconds=3000) is None
    assert outcome(at_work, seconds=3601) == (
        OutcomeKind.STALLED,
        f"0 of 2 allocations completed; not finished after 3601 s{STALLED}",
    )


def test_a_job_that_runs_to_completion_is_at_work_while_any_allocation_runs() -> None:
    pending = replace(RUNNING, allocations=(allocation("pending"),), completes=True)
    both = replace(pending, allocations=(allocation("running", 1), allocation("pending")))
    assert outcome(both, seconds=3000) is None
    assert outcome(pending, seconds=3000) == (
        OutcomeKind.STALLED,
        f"0 of 2 allocations completed; nothing changed for 3000 s{STALLED}",
    )


def test_a_stall_has_the_cause_that_is_known() -> None:
    found = verdict(replace(DEPLOYING, failures=("exited with code 3", "restarted")), seconds=901)
    assert isinstance(found, Outcome)
    assert (found.kind, found.cause) == (OutcomeKind.STALLED, "exited with code 3")


def test_an_allocation_that_runs_no_more_or_not_yet_has_not_proved_itself() -> None:
    """Not for a short grace time either."""
    stopped = AllocationState(allocation_id="a", status="pending", started=5.0)
    found = replace(RUNNING, desired=1, allocations=(stopped,))
    assert isinstance(verdict(found, seconds=20), Wait)
    course = replace(COURSE, running_since={})
    soon = replace(PATIENCE, grace=0.5)
    assert isinstance(judge(found, course, patience=soon, now=NOW + timedelta(seconds=5)), Wait)


@pytest.mark.parametrize("waits_for_a_person", [{"awaits_promotion": True}, {"paused": True}])
def test_what_waits_for_a_person_never_stalls(waits_for_a_person: dict[str, Any]) -> None:
    waiting = replace(DEPLOYING, deployment=replace(DEPLOYMENT, **waits_for_a_person))
    assert outcome(waiting, seconds=1_000_000) is None


def test_canaries_are_promoted_when_they_were_healthy_for_their_soak_time() -> None:
    soaking = replace(COURSE, promote_after=60.0)
    found = verdict(replace(CANARIES, wait_index=WAIT_INDEX), soaking, seconds=20)
    assert found == Wait(seconds=40.05, note="2 of 2 canaries are healthy; promoted once they were healthy for 60 s")
    assert verdict(CANARIES, soaking, seconds=60) == Promote(deployment_id="d")
    assert outcome(CANARIES, COURSE, seconds=1_000_000) is None
    paused = replace(CANARIES, deployment=replace(DEPLOYMENT, awaits_promotion=True, paused=True))
    assert isinstance(verdict(paused, soaking, seconds=61), Wait)


def test_canaries_are_not_promoted_before_their_soak_time() -> None:
    found = verdict(replace(CANARIES, wait_index=WAIT_INDEX), replace(COURSE, promote_after=60.0), seconds=59.5)
    assert isinstance(found, Wait)
    assert found.seconds == pytest.approx(0.55)


def test_one_canary_is_one() -> None:
    one = replace(CANARIES, deployment=replace(DEPLOYMENT, healthy=1, canaries=1, awaits_promotion=True))
    found = verdict(one)
    assert isinstance(found, Wait)
    assert found.note.startswith("1 of 1 canaries is healthy; ")


def test_success_names_a_later_registration_of_the_job() -> None:
    done = replace(DEPLOYING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.SUCCESSFUL))
    assert outcome(replace(done, index=12)) == (OutcomeKind.SUCCEEDED, "words; the job was registered again since")


def test_success_of_the_registration_that_is_there_names_no_other() -> None:
    done = replace(DEPLOYING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.SUCCESSFUL))
    assert outcome(done) == (OutcomeKind.SUCCEEDED, "words")
    assert outcome(replace(done, present=False, index=0)) == (OutcomeKind.SUCCEEDED, "words")


BACK = replace(
    COURSE, returning=Returning(submission=Submission(index=10, evaluation_id="b"), version=3, reason="it crashed")
)


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (DeploymentPhase.SUCCESSFUL, "it crashed; Nomad reverted to version 3, which runs"),
        (DeploymentPhase.FAILED, "it crashed; Nomad reverted to version 3, and that failed too: words"),
        (DeploymentPhase.REPLACED, "it crashed; Nomad reverted to version 3: words"),
    ],
)
def test_once_nomad_goes_back_it_is_a_failure_however_that_ends(phase: DeploymentPhase, message: str) -> None:
    back = replace(DEPLOYING, index=10, deployment=replace(DEPLOYMENT, phase=phase))
    assert outcome(back, BACK) == (OutcomeKind.FAILED, message)


def test_the_cause_of_a_failure_that_nomad_reverted_is_kept() -> None:
    back = replace(DEPLOYING, index=10, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.SUCCESSFUL))
    assert BACK.returning is not None
    found = verdict(back, replace(BACK, returning=replace(BACK.returning, cause="exited with code 3")))
    assert isinstance(found, Outcome)
    assert found.cause == "exited with code 3"


def test_a_failure_names_the_version_that_nomad_reverted_to_and_no_cause_that_it_does_not_know() -> None:
    failed = replace(DEPLOYMENT, phase=DeploymentPhase.FAILED, reverted_to=3)
    assert verdict(replace(DEPLOYING, deployment=failed)) == Outcome(
        kind=OutcomeKind.FAILED, reason="words", cause="", reverted_to=3
    )


def test_nomads_way_back_is_waited_for() -> None:
    found = verdict(DEPLOYING, BACK)
    assert isinstance(found, Wait)
    assert found.note == "Nomad reverts to version 3: 1 of 2 allocations are healthy"
    assert verdict(CANARIES, replace(BACK, promote_after=0.0)) == Promote(deployment_id="d")


def test_each_origin_is_manual_automatic_or_an_undo() -> None:
    assert {origin for origin in Origin if origin.by_person} == {Origin.DEPLOY, Origin.RESET, Origin.ROLLBACK}
    assert {origin for origin in Origin if not origin.is_explicit} == {Origin.RULE}
    assert {origin for origin in Origin if origin.reverts} == {Origin.ROLLBACK, Origin.UNDO}


def test_by_default_a_task_proves_itself_by_ten_seconds_of_running() -> None:
    assert Patience(stall_after=900.0, deadline=3600.0).grace == 10.0


def test_nomads_own_revert_says_why_and_where_it_goes() -> None:
    returning = Returning(submission=Submission(index=10, evaluation_id="b"), version=3, reason="it crashed")
    assert returning.note == "it crashed; Nomad reverts to version 3"
