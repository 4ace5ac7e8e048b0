"""A busy cluster: evaluations that fail, no room, garbage collection, several nodes, checks."""

from typing import Any

import httpx
import pytest

from app.simulators.nomad import EvaluationFault, Fate, JobRegistration, Simulator, sample_job
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import Evaluation


def push(simulator: Simulator, image: str, job_id: str = "web", **fields: Any) -> Json:
    return simulator.register(JobRegistration(job=sample_job(job_id, image, **fields)))


def evaluation(simulator: Simulator, eval_id: str) -> Evaluation:
    with simulator.at_work() as world:
        return world.evaluations[eval_id]


@pytest.mark.parametrize(
    ("fault", "status", "successor"),
    [
        (EvaluationFault.DELIVERY_LIMIT, "failed", "next_eval"),
        (EvaluationFault.MAX_ATTEMPTS, "failed", "blocked_eval"),
        (EvaluationFault.OVERTAKEN, "canceled", ""),
    ],
)
def test_the_successor_of_an_evaluation_that_failed_does_its_work(
    simulator: Simulator, fault: EvaluationFault, status: str, successor: str
) -> None:
    simulator.fail_evaluation("web", fault)
    reply = push(simulator, "app:v1")
    ended = evaluation(simulator, reply["EvalID"])
    assert ended.status == status
    simulator.skip(100)
    if successor:
        assert evaluation(simulator, getattr(ended, successor)).status == "complete"
    with simulator.at_work():
        deployment = simulator.record("web").latest_deployment
    assert deployment is not None
    assert (deployment.status, deployment.job_spec_modify_index) == ("successful", reply["JobModifyIndex"])


@pytest.mark.parametrize(
    ("why", "metric"),
    [
        ("memory", {"DimensionExhausted": {"memory": 3}, "NodesExhausted": 3, "ConstraintFiltered": None}),
        ("${attr.kernel.name} = windows", {"ConstraintFiltered": {"${attr.kernel.name} = windows": 3}}),
        ("", {"ConstraintFiltered": {"missing drivers": 3}, "NodesFiltered": 3, "CoalescedFailures": 1}),
    ],
)
def test_what_has_no_place_says_why_by_group(why: str, metric: Json) -> None:
    simulator = Simulator(nodes=3)
    simulator.judge("app:huge", Fate.UNPLACEABLE, why)
    failed = evaluation(simulator, push(simulator, "app:huge", count=2)["EvalID"])
    assert failed.failed_groups is not None
    assert metric.items() <= failed.failed_groups["app"].items()
    assert evaluation(simulator, failed.blocked_eval).failed_groups == failed.failed_groups


def test_a_plan_shows_that_there_is_no_room(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.judge("app:huge", Fate.UNPLACEABLE, "memory")
    body = {"Job": sample_job("web", "app:huge"), "Diff": True}
    assert agent.post("/v1/job/web/plan", json=body).json()["FailedTGAllocs"].keys() == {"app"}
    assert agent.get("/v1/job/web").status_code == 404


def test_a_system_job_runs_once_on_each_node() -> None:
    simulator = Simulator(nodes=3)
    push(simulator, "app:v1", kind="system")
    push(simulator, "app:v2", kind="system")
    with simulator.at_work():
        record = simulator.record("web")
        running = [row for row in record.allocations.values() if row.client_status == "running"]
    assert sorted(row.node.name for row in running) == ["node-1", "node-2", "node-3"]
    assert {row.version for row in running} == {1}
    assert [row.groups["app"].desired_total for row in record.deployments.values()] == [3, 3]


def test_before_1_11_a_system_job_has_no_deployment() -> None:
    simulator = Simulator(version="1.10.5", nodes=2)
    push(simulator, "app:v1", kind="system")
    push(simulator, "app:v2", kind="system")
    with simulator.at_work():
        record = simulator.record("web")
        assert record.deployments == {}
        assert [row.version for row in record.allocations.values() if row.client_status == "running"] == [1, 1]


def test_garbage_collection_leaves_what_runs_and_what_is_stable(agent: httpx.Client, simulator: Simulator) -> None:
    for image in ("app:v1", "app:v2"):
        push(simulator, image)
    push(simulator, "app:v1", "gone")
    simulator.stop("gone")
    old, new = sorted(agent.get("/v1/job/web/deployments").json(), key=lambda row: row["JobVersion"])
    assert agent.put("/v1/system/gc").text == ""
    assert agent.get(f"/v1/deployment/{old['ID']}").status_code == 404
    assert agent.get(f"/v1/deployment/{new['ID']}").json()["Status"] == "successful"
    assert [job["Stable"] for job in agent.get("/v1/job/web/versions").json()["Versions"]] == [True, True]
    assert agent.get("/v1/job/gone").status_code == 404


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (Fate.OOM_KILLED, {"Terminated": 'Exit Code: 137, Exit Message: "OOM Killed"'}),
        (Fate.EXITS_NONZERO, {"Alloc Unhealthy": "Unhealthy because of failed task"}),
        (Fate.CHECK_FAILS, {"Alloc Unhealthy": "Services not healthy by deadline: web-http"}),
    ],
)
def test_task_events_show_the_fate(agent: httpx.Client, simulator: Simulator, fate: Fate, said: Json) -> None:
    simulator.judge("app:bad", fate, "first\nlast words\n")
    job = sample_job("web", "app:bad")
    job["TaskGroups"][0]["Tasks"][0]["Services"] = [{"Name": "web-http", "Provider": "consul"}]
    simulator.register(JobRegistration(job=job))
    simulator.skip(60)
    row = agent.get("/v1/job/web/allocations").json()[0]
    events = {event["Type"]: event["DisplayMessage"] for event in row["TaskStates"]["server"]["Events"]}
    assert said.items() <= events.items()
    assert agent.get("/v1/job/web/deployment").json()["Status"] == "failed"
    asked = {"task": "server", "type": "stderr", "plain": "true", "origin": "end", "offset": "11"}
    assert agent.get(f"/v1/client/fs/logs/{row['ID']}", params=asked).text == "last words\n"


@pytest.mark.parametrize(
    ("params", "status", "text"),
    [
        ({"type": "stderr"}, 400, "must provide task name"),
        ({"task": "nope", "type": "stderr"}, 400, 'unknown task name "nope"'),
        ({"task": "server"}, 400, "must provide log type (stdout/stderr)"),
        ({"task": "server", "type": "stderr", "origin": "x"}, 400, "origin must be start or end"),
        ({"task": "server", "type": "stdout"}, 404, 'task "server" not started yet. No logs available'),
    ],
)
def test_logs_that_cannot_be_had_are_refused(
    agent: httpx.Client, simulator: Simulator, params: dict[str, str], status: int, text: str
) -> None:
    simulator.judge("app:nope", Fate.PULL_FAILS)
    push(simulator, "app:nope")
    row = agent.get("/v1/job/web/allocations").json()[0]
    reply = agent.get(f"/v1/client/fs/logs/{row['ID']}", params=params)
    assert (reply.status_code, reply.text) == (status, text)


def test_a_job_has_one_blocked_evaluation_which_success_cancels(simulator: Simulator) -> None:
    simulator.judge("app:huge", Fate.UNPLACEABLE, "memory")
    for tag in ("huge-1", "huge-2"):
        simulator.register(JobRegistration(job=sample_job("web", f"app:{tag}")))
    waiting = [e for e in simulator.record("web").evaluations.values() if e.triggered_by == "queued-allocs"]
    assert [e.status for e in waiting] == ["canceled", "blocked"]
    assert waiting[0].description == 'existing blocked evaluation exists for job "web"'
    simulator.stop("web")
    newest = list(simulator.record("web").evaluations.values())[-1]
    assert (waiting[1].status, waiting[1].description) == ("canceled", f'evaluation "{newest.id}" successful')


@pytest.mark.parametrize(("fate", "status"), [(Fate.CHECK_FAILS, "failure"), (None, "success")])
def test_the_checks_of_nomads_own_services_are_shown(
    agent: httpx.Client, simulator: Simulator, fate: Fate | None, status: str
) -> None:
    if fate is not None:
        simulator.judge("app:deaf", fate)
    job = sample_job("web", "app:deaf")
    check = {"Name": "alive", "Type": "tcp"}
    ours = {"Name": "web", "Provider": "nomad", "Checks": [check]}
    job["TaskGroups"][0]["Services"] = [ours, {"Name": "other", "Provider": "consul", "Checks": [check]}]
    job["TaskGroups"][0]["Tasks"][0]["Services"] = [{**ours, "Name": "inner"}]
    simulator.register(JobRegistration(job=job))
    [row] = simulator.record("web").allocations.values()
    found = agent.get(f"/v1/client/allocation/{row.id}/checks").json().values()
    assert [(each["Service"], each.get("Task"), each["Status"]) for each in found] == [
        ("web", None, status),
        ("inner", "server", status),
    ]
    unknown = agent.get("/v1/client/allocation/00000000-0000-0000-0000-000000000000/checks")
    assert (unknown.status_code, unknown.text.partition(" ")[0]) == (404, "Unknown")


def test_a_scaling_policy_bounds_the_count_and_moves_a_version_once(agent: httpx.Client, simulator: Simulator) -> None:
    job = sample_job("web", "app:1", count=2)
    job["TaskGroups"][0]["Scaling"] = {"Min": 2, "Max": 3, "Policy": {"cooldown": "1m"}}
    simulator.register(JobRegistration(job=job))
    for count, words in (
        (4, "greater than scaling policy maximum: 4 > 3"),
        (1, "less than scaling policy minimum: 1 < 2"),
    ):
        reply = agent.post("/v1/job/web/scale", json={"Count": count, "Target": {"Group": "app"}})
        assert (reply.status_code, reply.text) == (400, f"group count was {words}")
    for version in (1, 1):
        simulator.register(JobRegistration(job=simulator.job("web")))
        assert simulator.job("web")["Version"] == version
    status = agent.get("/v1/job/web/scale").json()
    assert status["TaskGroups"]["app"] == {
        "Desired": 2, "Events": None, "Healthy": 2, "Placed": 2, "Running": 2, "Unhealthy": 0,
    }  # fmt: skip
