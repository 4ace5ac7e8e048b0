"""The clusters under contract. `make contract NOMAD_ADDR=…` names an agent; else only the simulator is tested."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.watch import JobPlace
from app.simulators.nomad import Fate, Simulator, Timing, create_simulator_app, sample_job
from tests.contract.deployer import sources
from tests.contract.deployer.agent import Agent, opened
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.guarded import Guarded
from tests.contract.deployer.lone import OLD
from tests.servers.http import serve
from tests.servers.tiny_images import LAST_WORDS, Behaviour

ADDRESS = os.environ.get("TEST_NOMAD_ADDR", "").rstrip("/")
TOKEN = os.environ.get("TEST_NOMAD_TOKEN", "")
IS_STRICT = bool(os.environ.get("CONTRACT_STRICT"))

MANAGEMENT = "6b2f2a5e-3c1d-4b7e-9a53-0d9f0f3f7a11"

# Quick, but not immediate, so that snapshots contain the steps between.
SOON = Timing(start=0.02, healthy=0.05, watch=0.05)


@contextmanager
def simulated(simulator: Simulator, *, token: str = "") -> Iterator[Cluster]:
    """The simulator as a cluster. Its images behave like the tiny real ones."""
    host = "reg.example:5000"
    for behaviour, fate, text in (
        (Behaviour.CRASHES, Fate.EXITS_NONZERO, LAST_WORDS),
        (Behaviour.UNSTEADY, Fate.EXITS_NONZERO, ""),
        (Behaviour.GREEDY, Fate.OOM_KILLED, ""),
        (Behaviour.DEAF, Fate.CHECK_FAILS, ""),
        (Behaviour.ABSENT, Fate.PULL_FAILS, "manifest unknown: manifest unknown"),
    ):
        simulator.judge(f"{host}/contract/{behaviour}:", fate, text)
    with serve(create_simulator_app(simulator)) as url:
        yield Cluster(address=url, host=host, token=token, simulator=simulator)


@pytest.fixture(scope="session")
def agent() -> Iterator[Agent]:
    """The real agent. All that the suite left on it is deleted at the end."""
    with opened(ADDRESS, TOKEN) as made:
        yield made


@pytest.fixture(scope="session")
def open_simulator() -> Iterator[Cluster]:
    """The simulator without ACLs."""
    with simulated(Simulator(timing=SOON, parse=sources.read)) as made:
        yield made


@pytest.fixture(scope="session")
def guarded_simulator() -> Iterator[Cluster]:
    """The simulator with ACLs."""
    with simulated(Simulator(timing=SOON, token=MANAGEMENT, parse=sources.read), token=MANAGEMENT) as made:
        yield made


@pytest.fixture(params=["simulator", "agent"] if ADDRESS else ["simulator"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The simulator, and the real agent."""
    if request.param == "agent":
        real: Agent = request.getfixturevalue("agent")
        return real.cluster
    desired = "guarded_simulator" if "guarded" in request.fixturenames else "open_simulator"
    played: Cluster = request.getfixturevalue(desired)
    return played


@pytest.fixture
def allocations_run(cluster: Cluster) -> None:
    """For a test that needs a container. Skips it where none can start; with CONTRACT_STRICT this is an error."""
    if cluster.cannot_run and IS_STRICT:
        pytest.fail(cluster.cannot_run)
    if cluster.cannot_run:
        pytest.skip(cluster.cannot_run)


@pytest.fixture
def jobs(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Jobs]:
    """Registers jobs for one test, and stops them after it."""
    left: list[JobPlace] = request.getfixturevalue("agent").left if cluster.is_real else []
    made = Jobs(cluster=cluster, name=lambda: f"contract-{uuid.uuid4().hex[:8]}", left=left)
    yield made
    made.stop_all()


@pytest.fixture
def guarded(cluster: Cluster, jobs: Jobs, request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """The cluster with ACLs; skips a real agent that has none."""
    if cluster.is_real and not cluster.has_acl:
        pytest.skip("needs an agent with ACLs, and its management token in NOMAD_TOKEN")
    namespace = f"contract-{uuid.uuid4().hex[:8]}"
    if cluster.is_real:
        request.getfixturevalue("agent").namespaces.append(namespace)
    cluster.call("PUT", f"/v1/namespace/{namespace}", json={"Name": namespace, "Description": "contract suite"})
    made = Guarded(jobs=jobs, namespace=namespace)
    yield made
    made.clear()


@pytest.fixture
def nomad() -> Simulator:
    """A simulator of the test's own, with the job `web`."""
    simulator = Simulator()
    simulator.seed(sample_job("web", OLD))
    return simulator


@pytest.fixture
def address(nomad: Simulator) -> Iterator[str]:
    """The address of the simulator."""
    with serve(create_simulator_app(nomad)) as url:
        yield url


@pytest.fixture
async def deployer(cluster: Cluster) -> AsyncIterator[NomadDeployer]:
    """Our deployer with all rights."""
    made = NomadDeployer(NomadConnection(address=cluster.address, token=cluster.token, timeout=10))
    yield made
    await made.aclose()
