"""Snapshots of a rollout, from the recorded exchanges of each type of job."""

from typing import Any

import pytest

from app.adapters.nomad.follow.snapshot import deployment_state
from app.domain.deployment import DeploymentPhase
from app.domain.job import Submission
from tests.unit.nomad.recordings import CURRENT, OLD, as_job, posted, replies, snapshot_of, submitted

BOTH = pytest.mark.parametrize("version", [CURRENT, OLD])


@BOTH
def test_a_rolling_update_to_its_success(version: str) -> None:
    ours = submitted("rolling-update", "register-update", version)
    [versions], [evaluations] = (replies("rolling-update", s, version) for s in ("job-versions", "job-evaluations"))
    [deployments], [allocations] = (
        replies("rolling-update", s, version) for s in ("job-deployments", "job-allocations")
    )
    job = versions["Versions"][0]
    snapshot = snapshot_of(job, ours, evaluations=evaluations, deployments=deployments, allocations=allocations)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert (snapshot.deployment.desired, snapshot.deployment.healthy, snapshot.deployment.unhealthy) == (2, 2, 0)
    assert (snapshot.present, snapshot.stopped, snapshot.evaluated, snapshot.stable) == (True, False, True, True)
    assert (snapshot.index, snapshot.desired, snapshot.unplaced, snapshot.failures) == (ours.index, 2, "", ())
    assert [each.status for each in snapshot.allocations] == ["running", "running"]
    assert all(each.started and each.started > 1_795_000_000 for each in snapshot.allocations)


def test_a_job_that_vanishes_while_it_is_read_is_not_waited_for_by_its_allocations() -> None:
    ours = submitted("rolling-update", "register-update")
    [versions], [evaluations] = (replies("rolling-update", s) for s in ("job-versions", "job-evaluations"))
    snapshot = snapshot_of({**versions["Versions"][0], "Stable": False}, ours, evaluations=evaluations)
    assert (snapshot.evaluated, snapshot.deployment, snapshot.allocations) == (True, None, ())
    assert snapshot.wait_index is None


def test_a_rollout_that_others_followed_is_found_among_the_versions() -> None:
    first = submitted("rolling-update", "register-new")
    [versions], [deployments] = (replies("rolling-update", s) for s in ("job-versions", "job-deployments"))
    current, *_ = versions["Versions"]
    snapshot = snapshot_of(current, first, deployments=deployments, versions=versions["Versions"])
    assert snapshot.index > first.index
    assert snapshot.stable
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL


@BOTH
def test_an_image_that_cannot_be_pulled(version: str) -> None:
    ours = submitted("image-pull-fails", "register-missing-tag", version)
    [versions], [deployments], [allocations] = (
        replies("image-pull-fails", step, version)
        for step in ("versions", "job-deployments-after-same", "deployment-allocations")
    )
    snapshot = snapshot_of(versions["Versions"][0], ours, deployments=deployments, allocations=allocations)
    assert snapshot.deployment is not None
    assert (snapshot.deployment.phase, snapshot.deployment.unhealthy) == (DeploymentPhase.FAILED, 1)
    assert snapshot.deployment.description == "Failed due to unhealthy allocations"
    [told] = snapshot.failures
    assert told == (
        "the image could not be pulled: manifest for 127.0.0.1:5000/team/app:nope not found: manifest unknown "
        "(api/server)"
    )
    assert snapshot.evaluated, "its deployment is there, so that the collected evaluation was done"
    assert (snapshot.stable, [each.status for each in snapshot.allocations]) == (False, ["failed"])


@BOTH
def test_a_task_that_exits(version: str) -> None:
    ours = submitted("task-exits-nonzero", "register-crashing", version)
    job = as_job(posted("task-exits-nonzero", "register-crashing", version), ours, version=1)
    [allocations] = replies("task-exits-nonzero", "deployment-allocations", version)
    snapshot = snapshot_of(
        job, ours, deployments=replies("task-exits-nonzero", "deployment", version)[-1:], allocations=allocations
    )
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.FAILED
    assert snapshot.failures == ("exited with code 3 (api/server)",)


@BOTH
def test_an_auto_revert_names_the_version_that_nomad_went_back_to(version: str) -> None:
    ours = submitted("auto-revert", "register-crashing", version)
    [job], [deployments], [versions] = (
        replies("auto-revert", step, version) for step in ("job-after-rollback", "deployments", "versions")
    )
    snapshot = snapshot_of(job, ours, deployments=deployments, versions=versions["Versions"])
    assert snapshot.deployment is not None
    assert (snapshot.deployment.phase, snapshot.deployment.reverted_to) == (DeploymentPhase.FAILED, 0)
    assert snapshot.index > ours.index
    assert not snapshot.stable, "Stable belongs to the version that Nomad made, not to ours"


@pytest.mark.parametrize(
    "ending",
    [
        " - not rolling back to stable job version 3 as current job has same specification",
        " - no stable job version to auto revert to",
        "",
    ],
)
def test_a_failure_without_a_rollback_reverts_to_nothing(ending: str) -> None:
    deployment = {"ID": "d", "Status": "failed", "StatusDescription": "Failed due to progress deadline" + ending}
    assert deployment_state(deployment).reverted_to is None


def test_a_canary_waits_for_a_person_and_then_does_not() -> None:
    [waiting], [paused] = replies("canary", "deployment-canary-healthy"), replies("canary", "deployment-paused")
    promoted, *_ = replies("canary", "deployment")
    assert deployment_state(waiting).awaits_promotion
    assert deployment_state(waiting).phase is DeploymentPhase.ACTIVE
    assert not deployment_state(promoted).awaits_promotion
    assert (deployment_state(paused).paused, deployment_state(paused).awaits_promotion) == (True, False)


def test_a_canary_that_promotes_itself_waits_for_nobody() -> None:
    [waiting] = replies("canary", "deployment-canary-healthy")
    group = {**waiting["TaskGroups"]["api"], "AutoPromote": True}
    assert not deployment_state({**waiting, "TaskGroups": {"api": group}}).awaits_promotion


@pytest.mark.parametrize(
    ("status", "description", "phase"),
    [
        ("cancelled", "Cancelled due to newer version of job", DeploymentPhase.REPLACED),
        ("cancelled", "Cancelled because job is stopped", DeploymentPhase.STOPPED),
        ("failed", "Deployment marked as failed", DeploymentPhase.FAILED),
        ("pending", "Deployment is pending, waiting for peer region", DeploymentPhase.ACTIVE),
        ("blocked", "", DeploymentPhase.ACTIVE),
        ("novel", "", DeploymentPhase.ACTIVE),
    ],
)
def test_the_phases(status: str, description: str, phase: DeploymentPhase) -> None:
    assert deployment_state({"ID": "d", "Status": status, "StatusDescription": description}).phase is phase


def test_a_recorded_cancellation_differs_from_a_recorded_stop() -> None:
    phases = [deployment_state(each).phase for each in replies("canary", "deployment")]
    assert DeploymentPhase.REPLACED in phases
    assert DeploymentPhase.STOPPED in phases


@BOTH
def test_a_service_without_a_deployment_is_not_given_an_older_one(version: str) -> None:
    ours = submitted("service-without-deployment", "register-max-parallel-0", version)
    *_, evaluation = replies("service-without-deployment", "evaluation", version)
    [deployments], [allocations], [job] = (
        replies("service-without-deployment", step, version) for step in ("deployments-2", "allocations", "job")
    )
    assert evaluation.get("DeploymentID"), "it names the old one"
    snapshot = snapshot_of(job, ours, evaluations=[evaluation], deployments=deployments, allocations=allocations)
    assert snapshot.deployment is None
    assert (snapshot.evaluated, snapshot.stable, snapshot.desired) == (True, False, 1)
    assert len(snapshot.allocations) == 1


def test_a_system_job_with_a_deployment() -> None:
    ours = submitted("system-job", "register-update")
    [job], [allocations] = replies("system-job", "job"), replies("system-job", "allocations")
    snapshot = snapshot_of(
        job, ours, deployments=replies("system-job", "deployment")[:6][::-1], allocations=allocations
    )
    assert snapshot.deployment is not None
    assert snapshot.deployment.deployment_id == replies("system-job", "deployment")[3]["ID"]
    assert (snapshot.desired, snapshot.stable) == (1, True)


def test_a_system_job_of_old_servers_is_judged_by_its_allocations() -> None:
    ours = submitted("system-job", "register-update", OLD)
    [job], [allocations] = replies("system-job", "job", OLD), replies("system-job", "allocations", OLD)
    evaluations = replies("system-job", "evaluation", OLD)
    snapshot = snapshot_of(job, ours, evaluations=evaluations, allocations=allocations)
    assert snapshot.deployment is None
    assert (snapshot.evaluated, snapshot.desired, [each.status for each in snapshot.allocations]) == (
        True,
        1,
        ["running"],
    )


def test_a_system_job_wants_the_nodes_that_still_run_the_old_version() -> None:
    job = {"Type": "system", "JobModifyIndex": 5, "Version": 2, "TaskGroups": [{"Name": "api", "Count": 1}]}
    nodes = [
        {"ID": f"a{node}", "NodeID": f"n{node}", "TaskGroup": "api", "DesiredStatus": "run", "JobVersion": version}
        for node, version in enumerate((1, 2, 1))
    ]
    snapshot = snapshot_of(job, Submission(index=5, evaluation_id=""), allocations=nodes)
    assert (snapshot.desired, len(snapshot.allocations)) == (3, 1)


@BOTH
def test_a_batch_job_completes_again(version: str) -> None:
    ours = submitted("batch-job", "register-update", version)
    job = as_job(posted("batch-job", "register-update", version), ours, version=1)
    [allocations] = replies("batch-job", "allocations-2", version)
    snapshot = snapshot_of(job, ours, evaluations=replies("batch-job", "evaluation", version), allocations=allocations)
    assert (snapshot.completes, snapshot.deployment, snapshot.desired, snapshot.evaluated) == (
        True,
        None,
        1,
        True,
    )
    assert [(each.status, each.started) for each in snapshot.allocations] == [("complete", None)]


@BOTH
def test_jobs_that_launch_later_say_so(version: str) -> None:
    for name in ("periodic-job", "parameterized-job"):
        [job] = replies(name, "job", version)
        snapshot = snapshot_of(job, Submission(index=job["JobModifyIndex"], evaluation_id=""))
        assert (snapshot.launches_later, snapshot.evaluated, snapshot.deployment) == (True, True, None)


def test_two_groups_count_together_and_an_updated_in_place_allocation_is_ours() -> None:
    ours = submitted("two-groups-and-meta", "register-one-group")
    job = as_job(posted("two-groups-and-meta", "register-one-group"), ours, version=1)
    [allocations] = replies("two-groups-and-meta", "allocations-after")
    deployments = replies("two-groups-and-meta", "deployment")
    snapshot = snapshot_of(job, ours, deployments=deployments[2:3], allocations=allocations)
    assert snapshot.deployment is not None
    assert (snapshot.deployment.desired, snapshot.deployment.healthy, snapshot.desired) == (2, 2, 2)
    assert len(snapshot.allocations) == 2


def test_one_sick_group_fails_the_deployment() -> None:
    last = replies("two-groups-and-meta", "deployment")[-1]
    state = deployment_state(last)
    assert (state.phase, state.desired, state.unhealthy) == (DeploymentPhase.FAILED, 2, 1)


def test_a_stopped_job_is_found_stopped() -> None:
    [job] = replies("canary", "job-stopped")
    assert snapshot_of(job, Submission(index=1, evaluation_id="")).stopped


def test_a_registration_that_nothing_is_known_of_is_not_evaluated() -> None:
    job = {"JobModifyIndex": 5, "Version": 0, "Status": "pending", "TaskGroups": None}
    unknown = Submission(index=5, evaluation_id="gone")
    assert not snapshot_of(job, unknown).evaluated
    assert snapshot_of({**job, "Status": "dead"}, unknown).evaluated
    assert snapshot_of({**job, "Stable": True}, unknown).evaluated


def test_an_allocation_of_a_version_that_is_not_known_is_not_ours() -> None:
    snapshot = snapshot_of(
        {"JobModifyIndex": 9, "Version": 4},
        Submission(index=5, evaluation_id=""),
        allocations=[{"ID": "a", "JobVersion": 4, "DesiredStatus": "run", "ClientStatus": "running"}],
    )
    assert snapshot.allocations == ()


@pytest.mark.parametrize(
    ("fields", "status", "since"),
    [
        ({"ClientStatus": "running", "TaskStates": None}, "running", None),
        ({"ClientStatus": "running", "TaskStates": {"t": {"State": "running", "StartedAt": None}}}, "running", None),
        (
            {
                "ClientStatus": "running",
                "TaskStates": {
                    "t": {"State": "running", "StartedAt": "2026-11-22T09:08:37.49330514Z"},
                    "u": {"State": "running", "StartedAt": "2026-11-22T09:08:39Z"},
                    "init": {"State": "dead", "StartedAt": "2026-11-22T09:08:50Z"},
                },
            },
            "running",
            1795338519.0,
        ),
        (
            {"ClientStatus": "running", "TaskStates": {"t": {"State": "running", "StartedAt": "0001-01-01T00:00:00Z"}}},
            "running",
            None,
        ),
        (
            {"ClientStatus": "pending", "TaskStates": {"t": {"State": "running", "StartedAt": "2026-11-22T09:08:39Z"}}},
            "pending",
            None,
        ),
        ({}, "unknown", None),
    ],
)
def test_since_when_an_allocation_runs(fields: dict[str, Any], status: str, since: float | None) -> None:
    job = {"JobModifyIndex": 5, "Version": 0, "TaskGroups": [{"Count": 1}]}
    allocation = {"ID": "a", "DesiredStatus": "run", **fields}
    [found] = snapshot_of(job, Submission(index=5, evaluation_id=""), allocations=[allocation]).allocations
    assert (found.status, found.started) == (status, since)


def test_allocations_that_were_replaced_or_stopped_do_not_count() -> None:
    job = {"JobModifyIndex": 5, "Version": 0, "TaskGroups": [{"Count": 1}]}
    allocations = [
        {"ID": "a", "DesiredStatus": "run", "ClientStatus": "failed", "NextAllocation": "b"},
        {"ID": "b", "DesiredStatus": "run", "ClientStatus": "running"},
        {"ID": "c", "DesiredStatus": "stop", "ClientStatus": "complete"},
    ]
    snapshot = snapshot_of(job, Submission(index=5, evaluation_id=""), allocations=allocations)
    assert [each.allocation_id for each in snapshot.allocations] == ["b"]
