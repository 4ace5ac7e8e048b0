"""The translation of jobs and register replies, as recorded from real agents."""

from typing import Any

import pytest

from app.adapters.nomad.translate import job_state, launches_later, submission, submission_read_back, unusable
from app.domain.job import Placement, Submission
from tests.unit.nomad.recordings import CURRENT, OLD, posted, replies

BOTH = pytest.mark.parametrize("version", [CURRENT, OLD])


@BOTH
def test_a_job_as_read(version: str) -> None:
    [job] = replies("rolling-update", "read-job", version)
    state = job_state(job, [], Placement())
    assert (state.index, state.create_index, state.version) == (job["JobModifyIndex"], job["CreateIndex"], 0)
    assert state.submitted_at == pytest.approx(job["SubmitTime"] / 1e9)
    assert [(str(task.key), task.image) for task in state.tasks] == [("api/server", "127.0.0.1:5000/team/app:v0.1.0")]
    assert (state.unusable, state.deployment) == (None, None)


def test_the_newest_unfinished_deployment_is_the_active_one_whatever_the_order() -> None:
    [job] = replies("rolling-update", "read-job")
    old, ours = replies("rolling-update", "deployment")[0], replies("canary", "deployment-paused")[0]
    finished = replies("rolling-update", "deployment")[-1]
    for listed in ([old, ours, finished], [finished, ours, old]):
        active = job_state(job, listed, Placement()).deployment
        assert active is not None
        assert (active.deployment_id, active.job_spec_index) == (ours["ID"], ours["JobSpecModifyIndex"])
        assert active.description == "Deployment is paused"


@pytest.mark.parametrize("status", ["running", "paused", "pending", "initializing", "blocked", "unblocking", "novel"])
def test_every_unfinished_status_counts_as_active(status: str) -> None:
    [job] = replies("rolling-update", "read-job")
    active = job_state(job, [{"ID": "d", "Status": status}], Placement()).deployment
    assert active is not None
    assert active.description == status


@pytest.mark.parametrize("status", ["successful", "failed", "cancelled"])
def test_a_finished_deployment_is_not_active(status: str) -> None:
    [job] = replies("rolling-update", "read-job")
    assert job_state(job, [{"ID": "d", "Status": status}], Placement()).deployment is None


@pytest.mark.parametrize(
    ("deployment", "reverted"),
    [
        ({}, True),
        ({"JobVersion": 1}, False),
        ({"Status": "cancelled"}, False),
        ({"StatusDescription": "Failed due to unhealthy allocations"}, False),
        ({"StatusDescription": "Failed - not rolling back to stable job version 1 as it is the same"}, False),
        ({"StatusDescription": None}, False),
        ({"JobCreateIndex": 1}, False),
    ],
)
def test_a_version_that_auto_revert_made_comes_after_its_failed_deployment(
    deployment: dict[str, Any], reverted: bool
) -> None:
    failed = {"ID": "d", "Status": "failed", "JobVersion": 2, "JobCreateIndex": 9}
    failed["StatusDescription"] = "Failed due to unhealthy allocations - rolling back to job version 1"
    [job] = replies("rolling-update", "read-job")
    job = {**job, "Version": 3, "CreateIndex": 9}
    assert job_state(job, [failed | deployment], Placement()).reverted is reverted
    assert not job_state(job, [], Placement()).reverted


def test_the_progress_of_a_deployment_changes_when_it_moves() -> None:
    [job] = replies("rolling-update", "read-job")
    states = [job_state(job, [each], Placement()).deployment for each in replies("canary", "deployment")[:3]]
    texts = [state.progress for state in states if state is not None]
    assert len(texts) == 3
    assert len(set(texts)) == 3


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"Stop": True}, "stopped"),
        ({"ParentID": "cron", "Stop": False}, "'cron'; watch that one"),
        ({"Dispatched": True}, "launched by 'another job'"),
        ({"Multiregion": {"Regions": []}}, None),
        ({"Multiregion": {"Regions": [{"Name": "eu"}]}}, "one job per region"),
    ],
)
def test_jobs_that_must_not_be_registered_have_a_message_with_the_fix(job: dict[str, Any], message: str | None) -> None:
    text = unusable(job)
    assert text is not None
    assert (message or "multiregion") in text


def test_real_children_and_stopped_jobs_are_unusable() -> None:
    for scenario, step in (
        ("periodic-job", "child"),
        ("parameterized-job", "dispatched-child"),
        ("canary", "job-stopped"),
    ):
        assert unusable(replies(scenario, step)[0]) is not None


def test_periodic_and_parameterized_jobs_launch_later() -> None:
    assert launches_later(replies("periodic-job", "job")[0])
    assert launches_later(replies("parameterized-job", "job")[0])
    assert not launches_later(replies("rolling-update", "read-job")[0])


@BOTH
def test_a_changed_specification(version: str) -> None:
    [reply] = replies("rolling-update", "register-update", version)
    before = posted("rolling-update", "register-update", version)
    made = submission(reply, before)
    assert made == Submission(index=reply["Index"], evaluation_id=reply["EvalID"])


@BOTH
def test_an_unchanged_specification_keeps_its_index(version: str) -> None:
    [reply] = replies("rolling-update", "register-unchanged", version)
    before = posted("rolling-update", "register-unchanged", version)
    made = submission(reply, before)
    assert (made.changed, made.index) == (False, before["JobModifyIndex"])
    assert made.evaluation_id == reply["EvalID"]


@BOTH
def test_a_periodic_job_changed_and_unchanged(version: str) -> None:
    [update], [again] = (replies("periodic-job", step, version) for step in ("register-update", "register-unchanged"))
    [before] = replies("periodic-job", "job", version)
    changed = submission(update, before)
    assert (changed.changed, changed.index, changed.evaluation_id) == (True, update["JobModifyIndex"], "")
    since = {"JobModifyIndex": changed.index, "ModifyIndex": changed.index}
    unchanged = submission(again, since)
    assert (unchanged.changed, unchanged.index) == (False, changed.index)


def test_warnings_are_kept_on_one_line() -> None:
    reply = {"JobModifyIndex": 9, "Index": 9, "EvalID": "e", "Warnings": "1 warning:\n\n* mind this"}
    assert submission(reply, {"JobModifyIndex": 5}).warnings == "1 warning: * mind this"


def test_a_lost_submission_is_read_back_with_its_evaluation() -> None:
    [evaluations] = replies("auto-revert", "evaluations")
    [reply] = replies("auto-revert", "register-crashing")
    found = submission_read_back(reply["JobModifyIndex"], evaluations)
    assert found == Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])
    assert submission_read_back(10**6, evaluations).evaluation_id == ""
    assert submission_read_back(7, []).index == 7
