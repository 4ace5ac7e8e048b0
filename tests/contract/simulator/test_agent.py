"""The simulated agent over a real socket: tokens, blocking queries, faults, the ledger and the control API."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from app.simulators.nomad import Fate, NomadFault, Simulator, Timing, create_simulator_app, sample_job
from app.simulators.nomad.faults import FaultAction
from tests.contract.simulator.open_waits import waits
from tests.servers.http import serve
from tests.servers.no_tls import NO_TLS


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


def post(agent: httpx.Client, job: dict[str, Any], *, index: int | None = None, **headers: str) -> httpx.Response:
    body = {"Job": job} if index is None else {"Job": job, "EnforceIndex": True, "JobModifyIndex": index}
    return agent.post("/v1/jobs", json=body, headers=headers)


def test_the_ledger_shows_registrations_with_origin_and_index(agent: httpx.Client) -> None:
    agent.post("/simulator/jobs", json=sample_job("web", "reg:5000/app:v1"))
    read = agent.get("/v1/job/web").json()
    changed = {**sample_job("web", "reg:5000/app:v2", meta={"run": "7"})}
    reply = post(agent, changed, index=read["JobModifyIndex"], **{"X-Request-ID": "r-1"}).json()
    post(agent, changed)
    entries = agent.get("/simulator/ledger", params={"job": "web"}).json()
    assert [(e["origin"], e["version"], e["changed"], e["enforce_index"]) for e in entries] == [
        ("client", 1, True, read["JobModifyIndex"]),
        ("client", 1, False, None),
    ]
    assert entries[0]["images"] == {"app/server": "reg:5000/app:v2"}
    assert entries[0]["metas"] == {"app/server": {"run": "7"}}
    assert entries[0]["job_modify_index"] == reply["JobModifyIndex"]
    assert entries[0]["request_id"] == "r-1"
    assert [e["origin"] for e in agent.get("/simulator/ledger?origin=all").json()] == ["seed", "client", "client"]
    assert agent.get("/simulator/ledger", params={"since": entries[0]["sequence"]}).json() == entries[1:]


def test_refused_registrations_are_not_in_the_ledger(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.seed(sample_job("web", "app:v1"))
    assert post(agent, sample_job("web", "app:v2"), index=1).status_code == 500
    assert simulator.ledger.entries() == []


def test_requests_are_counted_by_path(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.seed(sample_job("team/web", "app:v1"))
    for _ in range(3):
        agent.get("/v1/job/team%2Fweb")
    deployment = agent.get("/v1/job/team%2Fweb/deployment").json()
    agent.get(f"/v1/deployment/{deployment['ID']}")
    counts = agent.get("/simulator/requests").json()
    assert counts["GET /v1/job/team/web"] == 3
    assert counts["GET /v1/deployment/:id"] == 1


def test_a_status_fault_is_answered_n_times_and_nothing_is_applied(agent: httpx.Client, simulator: Simulator) -> None:
    agent.post("/simulator/faults", json=[{"status": 500, "times": 2, "method": "POST", "path": "/v1/jobs"}])
    replies = [post(agent, sample_job("web", f"app:v{n}")) for n in (1, 2, 3)]
    assert [reply.status_code for reply in replies] == [500, 500, 200]
    assert replies[0].text == "No cluster leader"
    assert [entry.images[("app", "server")] for entry in simulator.ledger.entries()] == ["app:v3"]


def test_too_many_connections_is_nomads_429(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.faults.add(NomadFault(action=FaultAction.STATUS, status=429))
    reply = agent.get("/v1/jobs")
    assert (reply.status_code, "too many concurrent connections" in reply.text) == (429, True)
    assert agent.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize(("after", "applied"), [(False, 0), (True, 1)])
def test_a_reset_gives_no_reply_whether_or_not_the_write_was_applied(
    agent: httpx.Client, simulator: Simulator, after: bool, applied: int
) -> None:
    simulator.faults.add(NomadFault(action=FaultAction.RESET, path="/v1/jobs", after=after))
    with pytest.raises(httpx.TransportError):
        post(agent, sample_job("web", "app:v1"))
    assert len(simulator.ledger.entries()) == applied


@pytest.mark.parametrize(("after", "applied"), [(False, 0), (True, 1)])
def test_a_hanging_write_is_applied_before_or_after_the_wait(
    agent: httpx.Client, simulator: Simulator, after: bool, applied: int
) -> None:
    simulator.faults.add(NomadFault(action=FaultAction.HANG, seconds=60, path="/v1/jobs", after=after))
    with pytest.raises(httpx.ReadTimeout):
        agent.post("/v1/jobs", json={"Job": sample_job("web", "app:v1")}, timeout=0.3)
    while simulator.faults.waiting:  # the client may have given up before the request was read
        time.sleep(0.01)
    agent.get("/v1/status/leader")
    assert len(simulator.ledger.entries()) == applied


def test_faults_leave_other_paths_alone(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.seed(sample_job("web", "app:v1"))
    simulator.faults.add(NomadFault(action=FaultAction.STATUS, status=503, path="/v1/job/*/plan"))
    assert agent.get("/v1/job/web").status_code == 200
    assert agent.post("/v1/job/web/plan", json={"Job": sample_job("web", "app:v2")}).status_code == 503


def test_only_the_one_token_is_accepted() -> None:
    simulator = Simulator(token="s3cret")
    simulator.seed(sample_job("web", "app:v1"))
    with serve(create_simulator_app(simulator)) as url:
        refused = [
            httpx.get(url + "/v1/job/web", verify=NO_TLS),
            httpx.get(url + "/v1/job/web", headers={"X-Nomad-Token": "other"}, verify=NO_TLS),
        ]
        bearer = httpx.get(url + "/v1/job/web", headers={"Authorization": "Bearer s3cret"}, verify=NO_TLS)
        header = httpx.get(url + "/v1/job/web", headers={"X-Nomad-Token": "s3cret"}, verify=NO_TLS)
    assert [(reply.status_code, reply.text) for reply in refused] == [(403, "Permission denied")] * 2
    assert (bearer.status_code, header.status_code) == (200, 200)


def test_a_blocking_query_returns_when_the_job_changes(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.seed(sample_job("web", "app:v1"))
    simulator.skip(60)  # it runs, and nothing else is due
    index = int(agent.get("/v1/job/web").headers["X-Nomad-Index"])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(agent.get, "/v1/job/web", params={"index": index, "wait": "60s"})
        waits(agent, simulator)
        simulator.set_image("web", group="app", task="server", image="app:v2")
        reply = waiting.result(timeout=30)
    assert int(reply.headers["X-Nomad-Index"]) > index
    assert reply.json()["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == "app:v2"


def test_a_blocking_query_ends_by_an_event_of_the_timeline(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.set_timing(Timing(healthy=0.3))
    simulator.seed(sample_job("web", "app:v1"))
    deployment = agent.get("/v1/job/web/deployment").json()
    while deployment["Status"] == "running":
        params = {"index": deployment["ModifyIndex"], "wait": "5s"}
        deployment = agent.get(f"/v1/deployment/{deployment['ID']}", params=params).json()
    assert deployment["Status"] == "successful"


def test_an_unchanged_blocking_query_ends_with_its_wait(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.seed(sample_job("web", "app:v1"))
    simulator.skip(60)
    index = agent.get("/v1/job/web").headers["X-Nomad-Index"]
    reply = agent.get("/v1/job/web", params={"index": index, "wait": "50ms"})
    assert (reply.status_code, reply.headers["X-Nomad-Index"]) == (200, index)
    assert simulator.world.waited_out == 1


@pytest.mark.parametrize(
    ("params", "text"),
    [({"wait": "abc", "index": "1"}, "Invalid wait time"), ({"index": "x"}, "Invalid index")],
)
def test_bad_blocking_parameters_are_refused(agent: httpx.Client, params: dict[str, str], text: str) -> None:
    reply = agent.get("/v1/job/web", params=params)
    assert (reply.status_code, reply.text) == (400, text)


def test_mistakes_in_a_control_body_are_reported(agent: httpx.Client) -> None:
    assert agent.put("/simulator/timing", json={"bogus": 1}).status_code == 400
    assert agent.post("/simulator/verdicts", json={"image": "app"}).status_code == 400
    assert agent.post("/simulator/faults", json=[{"action": "explode"}]).status_code == 400
    assert agent.post("/simulator/jobs/none/stop").status_code == 404


def test_the_control_api_moves_the_cluster(agent: httpx.Client) -> None:
    agent.post("/simulator/verdicts", json={"image": ":v2", "fate": Fate.PULL_FAILS})
    agent.post("/simulator/jobs", json=sample_job("team/web", "app:v1", count=2))
    agent.post("/simulator/scale", json={"job": "team/web", "count": 3})
    agent.post("/simulator/jobs/team/web/image", json={"image": "app:v2"})
    rows = {row["JobVersion"]: row["Status"] for row in agent.get("/v1/job/team%2Fweb/deployments").json()}
    assert rows == {0: "successful", 1: "successful", 2: "failed"}
    agent.delete("/simulator/verdicts")
    agent.post("/simulator/jobs/team/web/stop")
    job = agent.get("/v1/job/team%2Fweb").json()
    assert (job["Stop"], job["Status"], job["TaskGroups"][0]["Count"]) == (True, "dead", 3)
