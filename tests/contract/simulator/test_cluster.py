"""The simulated cluster over time; the test moves the clock."""

from pathlib import Path
from typing import Any

import pytest

from app.simulators.nomad import Fate, JobRegistration, Refused, Simulator, Timing, sample_job
from app.simulators.nomad.persistence import load, save
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import Deployment
from tests.contract.simulator.conftest import Clock


def push(simulator: Simulator, image: str, job_id: str = "web", **fields: Any) -> Json:
    return simulator.register(JobRegistration(job=sample_job(job_id, image, **fields)))


def latest(simulator: Simulator, job_id: str = "web") -> Deployment:
    with simulator.at_work():
        found = simulator.record(job_id).latest_deployment
    assert found is not None
    return found


def test_with_zero_timing_the_deployment_is_over_when_the_register_call_returns(simulator: Simulator) -> None:
    reply = push(simulator, "app:v1", count=3)
    deployment = latest(simulator)
    assert (deployment.status, deployment.job_spec_modify_index) == ("successful", reply["JobModifyIndex"])
    assert simulator.job("web")["Stable"] is True


def test_each_step_takes_the_time_given(simulator: Simulator) -> None:
    simulator.set_timing(Timing(evaluation=1, start=2, healthy=3, watch=4))
    push(simulator, "app:v1")
    states: list[tuple[object, ...]] = []
    for _ in range(12):
        with simulator.at_work():
            record = simulator.record("web")
            allocation = next(iter(record.allocations.values()), None)
            deployment = record.latest_deployment
            state = (
                record.current["Status"],
                allocation and allocation.client_status,
                deployment and deployment.status,
            )
        if not states or states[-1] != state:
            states.append(state)
        simulator.skip(1)
    assert states == [
        ("pending", None, None),
        ("running", "pending", "running"),
        ("running", "running", "running"),
        ("running", "running", "successful"),
    ]


def test_a_newer_version_cancels_the_deployment_under_way(simulator: Simulator) -> None:
    simulator.set_timing(Timing(healthy=60))
    push(simulator, "app:v1")
    first = latest(simulator)
    push(simulator, "app:v2")
    assert (first.status, first.description) == ("cancelled", "Cancelled due to newer version of job")
    assert latest(simulator).status == "running"


@pytest.mark.parametrize(("count", "canary"), [(1, 1), (2, 2), (3, 1), (1, 2)])
def test_promoted_canaries_end_the_deployment_however_many_they_are(
    simulator: Simulator, count: int, canary: int
) -> None:
    push(simulator, "app:v1", count=count)
    job = sample_job("web", "app:v2", count=count, canary=canary)
    job["TaskGroups"][0]["Update"]["AutoPromote"] = True
    simulator.register(JobRegistration(job=job))
    assert (latest(simulator).status, latest(simulator).job_version) == ("successful", 1)
    with simulator.at_work() as world:
        running = [row for row in world.allocations.values() if row.client_status == "running"]
    assert [row.version for row in running] == [1] * count


def test_stopping_cancels_the_deployment_under_way(simulator: Simulator) -> None:
    simulator.set_timing(Timing(healthy=60))
    push(simulator, "app:v1")
    simulator.stop("web")
    assert latest(simulator).description == "Cancelled because job is stopped"
    assert simulator.job("web")["Status"] == "dead"


def test_an_allocation_that_never_becomes_healthy_fails_at_the_healthy_deadline(simulator: Simulator) -> None:
    simulator.set_timing(Timing(healthy_deadline=5))
    simulator.judge("app:sick", Fate.NEVER_HEALTHY)
    push(simulator, "app:sick")
    simulator.skip(4)
    assert latest(simulator).status == "running"
    simulator.skip(2)
    assert latest(simulator).description == "Failed due to unhealthy allocations"


def test_what_may_be_rescheduled_fails_only_at_the_progress_deadline(simulator: Simulator) -> None:
    simulator.set_timing(Timing(progress_deadline=30))
    simulator.judge("app:bad", Fate.EXITS_NONZERO)
    job = sample_job("web", "app:bad")
    job["TaskGroups"][0]["ReschedulePolicy"] = {"Unlimited": True}
    simulator.register(JobRegistration(job=job))
    simulator.skip(29)
    assert latest(simulator).status == "running"
    simulator.skip(2)
    assert latest(simulator).description == "Failed due to progress deadline"


def test_what_cannot_be_placed_waits_blocked_and_goes_on_when_there_is_room(simulator: Simulator) -> None:
    simulator.judge("app:huge", Fate.UNPLACEABLE)
    reply = push(simulator, "app:huge")
    simulator.skip(100_000)
    with simulator.at_work() as world:
        evaluation = world.evaluations[reply["EvalID"]]
        blocked = world.evaluations[evaluation.blocked_eval]
    assert (evaluation.status, evaluation.queued, blocked.status) == ("complete", {"app": 1}, "blocked")
    assert evaluation.failed_groups is not None
    assert latest(simulator).status == "running"
    assert latest(simulator).groups["app"].require_progress_by is None
    simulator.pardon()
    assert latest(simulator).status == "successful"


def test_an_update_that_cannot_be_placed_leaves_the_old_allocation_running(simulator: Simulator) -> None:
    push(simulator, "app:v1")
    simulator.judge("app:huge", Fate.UNPLACEABLE)
    push(simulator, "app:huge")
    with simulator.at_work() as world:
        running = [row for row in world.allocations.values() if row.client_status == "running"]
    assert [row.version for row in running] == [0]


def test_a_failed_version_is_rolled_back_to_the_stable_one_where_the_job_asks_for_it(simulator: Simulator) -> None:
    push(simulator, "app:v1", auto_revert=True)
    simulator.judge("app:bad", Fate.EXITS_NONZERO)
    push(simulator, "app:bad", auto_revert=True)
    job = simulator.job("web")
    assert (job["Version"], job["Stable"]) == (2, True)
    assert job["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == "app:v1"
    assert latest(simulator).status == "successful"
    assert [entry.version for entry in simulator.ledger.entries()] == [0, 1]


def test_without_a_stable_version_there_is_nothing_to_roll_back_to(simulator: Simulator) -> None:
    simulator.judge("app:bad", Fate.EXITS_NONZERO)
    push(simulator, "app:bad", auto_revert=True)
    expected = "Failed due to unhealthy allocations - no stable job version to auto revert to"
    assert latest(simulator).description == expected


def test_six_versions_are_kept_and_the_newest_stable_one_among_them(simulator: Simulator) -> None:
    push(simulator, "app:good")
    simulator.judge("app:bad", Fate.EXITS_NONZERO)
    for number in range(9):
        push(simulator, f"app:bad{number}")
    with simulator.at_work():
        kept = [job["Version"] for job in simulator.record("web").versions]
    assert kept == [0, 5, 6, 7, 8, 9]


def test_a_foreign_scale_makes_the_next_check_and_set_fail(simulator: Simulator) -> None:
    push(simulator, "app:v1")
    sent = simulator.job("web")["JobModifyIndex"]
    simulator.scale("web", count=2)
    current = simulator.job("web")["JobModifyIndex"]
    with pytest.raises(Refused) as refused:
        simulator.register(JobRegistration(job=sample_job("web", "app:v2"), enforced=sent))
    text = f"Enforcing job modify index {sent}: job exists with conflicting job modify index: {current}"
    assert (refused.value.status, refused.value.text) == (500, text)


def test_a_stopped_job_posted_back_stays_stopped(simulator: Simulator) -> None:
    push(simulator, "app:v1")
    simulator.stop("web")
    push(simulator, "app:v2", Stop=True)
    job = simulator.job("web")
    assert (job["Stop"], job["Status"], job["Version"]) == (True, "dead", 2)


def test_namespaces_hold_different_jobs_of_one_id(simulator: Simulator) -> None:
    simulator.seed(sample_job("web", "app:a", namespace="apps"))
    push(simulator, "app:b")
    images = [simulator.job("web", ns)["TaskGroups"][0]["Tasks"][0]["Config"]["image"] for ns in ("apps", "default")]
    assert images == ["app:a", "app:b"]


@pytest.mark.parametrize(
    "fields",
    [{"max_parallel": 0}, {"count": 0}, {"kind": "batch"}, {"Periodic": {"Spec": "@daily"}, "kind": "batch"}],
)
def test_jobs_without_deployments(simulator: Simulator, fields: dict[str, Any]) -> None:
    push(simulator, "app:v1", **fields)
    with simulator.at_work():
        assert simulator.record("web").deployments == {}


def test_the_state_file_carries_a_cluster_over_a_restart(simulator: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    push(simulator, "app:v1")
    simulator.set_timing(Timing(healthy=60))
    push(simulator, "app:v2")
    under_way = latest(simulator)
    save(simulator, file)

    again = Simulator(clock=Clock())
    load(again, file)
    assert again.job("web")["JobModifyIndex"] == simulator.job("web")["JobModifyIndex"]
    assert again.world.deployments[under_way.id].status == "successful"
    assert push(again, "app:v3")["JobModifyIndex"] > simulator.job("web")["JobModifyIndex"]


def test_no_state_file_is_a_fresh_cluster(simulator: Simulator, tmp_path: Path) -> None:
    load(simulator, tmp_path / "none.json")
    with pytest.raises(Refused, match="job not found"):
        simulator.job("web")


def test_history_is_bounded_under_load(simulator: Simulator) -> None:
    for number in range(200):
        push(simulator, f"app:v{number}")
    record = simulator.record("web")
    assert max(len(record.allocations), len(record.deployments), len(record.evaluations)) <= 60
    assert len(simulator.ledger.entries()) == 200
    assert [row.version for row in record.allocations.values() if row.client_status == "running"] == [199]


def test_a_seed_may_be_what_no_client_can_post(simulator: Simulator) -> None:
    simulator.seed(sample_job("fleet", "app:v1", Multiregion={"Regions": [{"Name": "eu"}]}))
    simulator.seed(sample_job("cron/periodic-1", "app:v1", kind="batch", ParentID="cron"))
    assert simulator.job("fleet")["Multiregion"] == {"Regions": [{"Name": "eu"}]}
    assert simulator.job("cron/periodic-1")["ParentID"] == "cron"
    with pytest.raises(Refused, match="Multiregion jobs are unlicensed"):
        push(simulator, "app:v1", "other", Multiregion={"Regions": [{"Name": "eu"}]})


def test_the_reply_shows_whether_the_specification_changed(simulator: Simulator) -> None:
    changed = push(simulator, "app:v1")
    before = simulator.job("web")
    unchanged = push(simulator, "app:v1")
    assert changed["JobModifyIndex"] == changed["Index"] == changed["EvalCreateIndex"] == before["JobModifyIndex"]
    assert unchanged["JobModifyIndex"] == before["ModifyIndex"] > before["JobModifyIndex"]
    assert unchanged["Index"] == unchanged["EvalCreateIndex"] > before["ModifyIndex"]
    assert simulator.job("web")["Version"] == 0


def test_an_unchanged_periodic_job_names_its_old_index_twice_and_no_evaluation(simulator: Simulator) -> None:
    for _ in range(2):
        reply = push(simulator, "app:v1", kind="batch", Periodic={"Spec": "@daily"})
    index = simulator.job("web")["ModifyIndex"]
    assert (reply["Index"], reply["JobModifyIndex"], reply["EvalID"]) == (index, index, "")
