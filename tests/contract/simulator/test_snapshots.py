"""What clients see when the state is restored from a snapshot. (docs/nomad.md, sections 12 and 16)"""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.simulators.nomad import Simulator, Timing, restore_snapshot, sample_job, save_snapshot
from tests.contract.simulator.open_waits import waits


@pytest.fixture
def simulator() -> Simulator:
    simulator = Simulator(timing=Timing(healthy=600))
    simulator.seed(sample_job("web", "app:v1"))
    return simulator


def _index(reply: httpx.Response) -> int:
    return int(reply.headers["X-Nomad-Index"])


@pytest.mark.parametrize("new_servers", [False, True])
def test_jobs_and_indexes_go_back(agent: httpx.Client, simulator: Simulator, new_servers: bool) -> None:
    before, snapshot = agent.get("/v1/jobs"), save_snapshot(simulator)
    simulator.seed(sample_job("other", "app:v1"))
    newest = simulator.world.index
    restore_snapshot(simulator, snapshot, new_servers=new_servers)
    after = agent.get("/v1/jobs")
    assert (after.json(), _index(after)) == (before.json(), _index(before))
    simulator.seed(sample_job("third", "app:v1"))
    assert (simulator.job("third")["JobModifyIndex"] > newest) is not new_servers


def test_a_blocking_query_ends_with_its_old_answer_and_then_waits_in_vain(
    agent: httpx.Client, simulator: Simulator
) -> None:
    snapshot = save_snapshot(simulator)
    simulator.seed(sample_job("other", "app:v1"))
    index = _index(agent.get("/v1/deployments"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(agent.get, "/v1/deployments", params={"index": index, "wait": "60s"})
        waits(agent, simulator)
        restore_snapshot(simulator, snapshot)
        assert _index(waiting.result(timeout=30)) == index
    assert _index(agent.get("/v1/deployments", params={"index": index, "wait": "50ms"})) < index


def test_an_event_stream_ends(agent: httpx.Client, simulator: Simulator) -> None:
    with agent.stream("GET", "/v1/event/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "{}"
        restore_snapshot(simulator, save_snapshot(simulator))
        for _ in lines:
            pass


def test_a_deployment_goes_on(simulator: Simulator) -> None:
    simulator.set_timing(Timing(healthy=0))
    restore_snapshot(simulator, save_snapshot(simulator))
    with simulator.at_work() as world:
        assert [each.status for each in world.deployments.values()] == ["successful"]
