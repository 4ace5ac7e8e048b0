"""Blocking queries and their faults, over a real socket. (docs/nomad.md, section 12)"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.simulators.nomad import FaultAction, NomadFault, Simulator, Timing, create_simulator_app, sample_job
from tests.contract.simulator.open_waits import waits


@pytest.fixture
def simulator() -> Simulator:
    simulator = Simulator(timing=Timing(healthy=600))
    simulator.seed(sample_job("web", "app:v1"))
    return simulator


def woken(
    agent: httpx.Client, simulator: Simulator, path: str, change: Callable[[], object], **params: str
) -> httpx.Response:
    """The reply to a blocking query on this path after a change."""
    index = agent.get(path, params=params).headers["X-Nomad-Index"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(agent.get, path, params={**params, "index": index, "wait": "60s"})
        waits(agent, simulator)
        change()
        reply = waiting.result(timeout=30)
    assert int(reply.headers["X-Nomad-Index"]) > int(index)
    return reply


def test_any_deployment_ends_a_wait_on_all_of_them(agent: httpx.Client, simulator: Simulator) -> None:
    reply = woken(
        agent,
        simulator,
        "/v1/deployments",
        lambda: simulator.seed(sample_job("other", "app:v1")),
        filter='Status == "running"',
    )
    assert {row["JobID"] for row in reply.json()} == {"web", "other"}


def test_a_filtered_wait_shows_an_end_by_leaving_it_out(agent: httpx.Client, simulator: Simulator) -> None:
    reply = woken(agent, simulator, "/v1/deployments", lambda: simulator.stop("web"), filter='Status == "running"')
    assert reply.json() == []


def test_a_wait_on_a_jobs_deployments_is_not_ended_by_another_job(agent: httpx.Client, simulator: Simulator) -> None:
    def change_the_other_and_then_this() -> None:
        simulator.seed(sample_job("other", "app:v1"))
        waits(agent, simulator)  # it still waits after all effects of the other's change
        change_web(simulator)

    reply = woken(agent, simulator, "/v1/job/web/deployments", change_the_other_and_then_this)
    assert {row["JobVersion"] for row in reply.json()} == {0, 1}


async def test_a_wait_that_ends_by_its_time_has_the_index_of_the_whole_table(simulator: Simulator) -> None:
    path = "/v1/job/web/deployments"
    transport = httpx.ASGITransport(create_simulator_app(simulator))
    async with httpx.AsyncClient(transport=transport, base_url="http://nomad") as agent:
        before = await agent.get(path)
        params = {"index": before.headers["X-Nomad-Index"], "wait": "50ms"}
        waiting = asyncio.create_task(agent.get(path, params=params))
        while not simulator.world.waits:  # noqa: ASYNC110 - the change must come right after it
            await asyncio.sleep(0)
        simulator.seed(sample_job("other", "app:v1"))
        reply = await waiting
    assert simulator.world.waited_out == 1
    assert reply.json() == before.json()
    assert int(reply.headers["X-Nomad-Index"]) > int(before.headers["X-Nomad-Index"])


def change_web(simulator: Simulator) -> None:
    simulator.set_image("web", group="app", task="server", image="app:v2")


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/job/web", "/v1/job/web/versions", "/v1/job/web/evaluations", "/v1/job/web/allocations",
             "/v1/job/web/deployments", "/v1/job/web/deployment", "/v1/evaluations"],
)  # fmt: skip
def test_a_registration_ends_every_wait_about_the_job(agent: httpx.Client, simulator: Simulator, path: str) -> None:
    woken(agent, simulator, path, lambda: change_web(simulator))


def test_what_is_not_there_is_waited_for(agent: httpx.Client, simulator: Simulator) -> None:
    reply = woken(agent, simulator, "/v1/job/later", lambda: simulator.seed(sample_job("later", "app:v1")))
    assert reply.json()["ID"] == "later"


def test_what_is_collected_while_somebody_waits_becomes_a_404(agent: httpx.Client, simulator: Simulator) -> None:
    deployment = agent.get("/v1/job/web/deployment").json()["ID"]
    evaluation = agent.get("/v1/job/web/evaluations").json()[0]["ID"]
    gone = woken(agent, simulator, f"/v1/deployment/{deployment}", lambda: simulator.forget(deployment=deployment))
    assert (gone.status_code, gone.text) == (404, "deployment not found")
    gone = woken(agent, simulator, f"/v1/evaluation/{evaluation}", lambda: simulator.forget(evaluation=evaluation))
    assert (gone.status_code, gone.text) == (404, "eval not found")


def test_a_wait_may_be_ended_for_nothing(agent: httpx.Client, simulator: Simulator) -> None:
    index = agent.get("/v1/job/web").headers["X-Nomad-Index"]
    simulator.faults.add(NomadFault(action=FaultAction.WAKE))
    reply = agent.get("/v1/job/web", params={"index": index, "wait": "60s"})
    assert reply.headers["X-Nomad-Index"] == index


def test_the_index_may_go_backwards(agent: httpx.Client) -> None:
    agent.post("/simulator/faults", json={"action": "index", "index": 3})
    assert agent.get("/v1/job/web").headers["X-Nomad-Index"] == "3"
    assert int(agent.get("/v1/job/web").headers["X-Nomad-Index"]) > 3


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/job/web"])
def test_somebody_else_may_register_between_a_read_and_a_post(
    agent: httpx.Client, simulator: Simulator, path: str
) -> None:
    read = agent.get("/v1/job/web").json()
    simulator.faults.add(NomadFault(action=FaultAction.FOREIGN, method="POST"))
    body = {"Job": read, "EnforceIndex": True, "JobModifyIndex": read["JobModifyIndex"]}
    refused = agent.post(path, json=body)
    current = simulator.job("web")["JobModifyIndex"]
    expected = f"job exists with conflicting job modify index: {current}"
    assert (refused.status_code, refused.text.endswith(expected)) == (500, True)
    assert [entry.origin for entry in simulator.ledger.entries(origin=None)] == ["seed", "foreign"]
