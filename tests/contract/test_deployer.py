"""The Deployer port, on the Nomad simulator, and on a real agent where TEST_NOMAD_ADDR names one.

A real agent needs a ready node with the docker driver, and two images that keep running (TEST_NOMAD_OLD and _NEW).
Faults are injected into the simulator only, in test_deployer_faults.py.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import anyio
import httpx
import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import DeploymentPhase, JobState, Order, Snapshot, Submission, TaskChange, TaskKey
from app.domain.watch import JobPlace
from app.errors import JobChanged, JobRejected
from app.local.nomad import Simulator, create_simulator_app, sample_job
from tests.servers.http import serve

SERVER = TaskKey(group="app", task="server")
REAL_ADDRESS = os.environ.get("TEST_NOMAD_ADDR", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A Nomad with two images that work, and a bare hand on it."""

    address: str
    old: str
    new: str
    is_real: bool = False

    def post(self, job: dict[str, object], namespace: str = "default") -> None:
        """Register by hand, without check-and-set."""
        self.call("POST", "/v1/jobs", namespace, json={"Job": job})

    def delete(self, job_id: str, *, purge: bool = False, namespace: str = "default") -> None:
        """Stop or purge."""
        self.call("DELETE", f"/v1/job/{_quoted(job_id)}", namespace, purge=str(purge).lower())

    def read(self, job_id: str, namespace: str = "default") -> dict[str, object]:
        """The job as stored."""
        read: dict[str, object] = self.call("GET", f"/v1/job/{_quoted(job_id)}", namespace).json()
        return read

    def call(self, method: str, path: str, namespace: str, *, json: object = None, **query: str) -> httpx.Response:
        params = {"namespace": namespace, **query}
        token = {"X-Nomad-Token": os.environ.get("TEST_NOMAD_TOKEN", "")} if REAL_ADDRESS else {}
        reply = httpx.request(method, self.address + path, params=params, json=json, headers=token)
        assert reply.status_code == 200, reply.text
        return reply


def _quoted(job_id: str) -> str:
    return "".join(f"%{byte:02X}" for byte in job_id.encode())


@pytest.fixture(scope="module")
def simulator_url() -> Iterator[str]:
    with serve(create_simulator_app(Simulator())) as url:
        yield url


@pytest.fixture(params=["simulator", "agent"] if REAL_ADDRESS else ["simulator"])
def cluster(request: pytest.FixtureRequest, simulator_url: str) -> Cluster:
    if request.param == "simulator":
        return Cluster(
            address=simulator_url, old="reg.example:5000/team/app:v1.0.0", new="reg.example:5000/team/app:v1.1.0"
        )
    return _real_cluster()


def _real_cluster() -> Cluster:
    """The agent of TEST_NOMAD_ADDR; fails with what it lacks."""
    found = Cluster(
        address=REAL_ADDRESS.rstrip("/"),
        old=os.environ.get("TEST_NOMAD_OLD", "nginx:1.27-alpine"),
        new=os.environ.get("TEST_NOMAD_NEW", "nginx:1.28-alpine"),
        is_real=True,
    )
    nodes = found.call("GET", "/v1/nodes", "default").json()
    drivers = [node["Drivers"].get("docker") or {} for node in nodes if node["Status"] == "ready"]
    if not any(driver.get("Healthy") for driver in drivers):
        pytest.fail(
            f"the agent at {REAL_ADDRESS} has no ready node with a healthy docker driver; start dockerd beside it"
        )
    return found


@pytest.fixture
async def deployer(cluster: Cluster) -> AsyncIterator[NomadDeployer]:
    connection = NomadConnection(address=cluster.address, token=os.environ.get("TEST_NOMAD_TOKEN", ""), timeout=10)
    made = NomadDeployer(connection)
    yield made
    await made.aclose()


@pytest.fixture
def job_id(cluster: Cluster) -> Iterator[str]:
    """A service job of this test's own that runs the old image."""
    made = f"contract-{uuid.uuid4().hex[:8]}"
    cluster.post(sample_job(made, cluster.old))
    yield made
    # Not purged: a purge right after a registration crashed a real 1.11.3 server.
    cluster.delete(made)


def place_of(job_id: str, namespace: str = "default") -> JobPlace:
    return JobPlace(region="", namespace=namespace, job_id=job_id)


def order(state: JobState, image: str, *, marker: str | None = None) -> Order:
    return Order(changes={SERVER: TaskChange(image=image, marker=marker)}, expected_index=state.index)


async def inspected(deployer: NomadDeployer, place: JobPlace) -> JobState:
    state = await deployer.inspect(place)
    assert state is not None
    return state


async def followed(deployer: NomadDeployer, place: JobPlace, submission: Submission) -> Snapshot:
    """Look until the deployment of the submission is over."""
    with anyio.fail_after(180):
        while True:
            seen = await deployer.observe(place, submission)
            if seen.deployment is not None and seen.deployment.phase is not DeploymentPhase.ACTIVE:
                return seen
            await anyio.sleep(0.05)


async def test_a_job_is_read_with_its_task_and_index(deployer: NomadDeployer, cluster: Cluster, job_id: str) -> None:
    state = await inspected(deployer, place_of(job_id))
    [task] = state.selected("server", None)
    assert (task.key, task.image, task.problem) == (SERVER, cluster.old, None)
    assert state.index == cluster.read(job_id)["JobModifyIndex"]
    assert state.unusable is None
    assert state.submitted_at > 1_600_000_000


async def test_a_job_that_is_not_there_is_none(deployer: NomadDeployer) -> None:
    assert await deployer.inspect(place_of("contract-nothing-here")) is None


async def test_an_order_is_registered_and_followed_to_success(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    submission = await deployer.submit(place, order(await inspected(deployer, place), cluster.new, marker="r-1"))

    seen = await followed(deployer, place, submission)

    assert submission.changed
    assert submission.evaluation_id
    assert seen.deployment is not None
    assert seen.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert (seen.deployment.healthy, seen.deployment.desired) == (1, 1)
    assert (seen.index, seen.evaluated, seen.stable, seen.unplaced) == (submission.index, True, True, "")
    task = cluster.read(job_id)["TaskGroups"][0]["Tasks"][0]  # type: ignore[index]
    assert (task["Config"]["image"], task["Meta"]) == (cluster.new, {"registrywatcher.rollout": "r-1"})


async def test_what_the_order_does_not_name_stays_as_it_was(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    before = cluster.read(job_id)
    await deployer.submit(place, order(await inspected(deployer, place), cluster.new))
    after = cluster.read(job_id)
    before["TaskGroups"][0]["Tasks"][0]["Config"]["image"] = cluster.new  # type: ignore[index]
    moving = {
        "Version",
        "JobModifyIndex",
        "ModifyIndex",
        "SubmitTime",
        "Stable",
        "Status",
        "VersionTag",
        "NomadTokenID",
    }
    assert {k: v for k, v in before.items() if k not in moving} == {k: v for k, v in after.items() if k not in moving}


async def test_the_loser_of_a_race_learns_that_the_job_changed(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    stale = order(await inspected(deployer, place), cluster.new)
    cluster.post(sample_job(job_id, cluster.old, meta={"by": "hand"}))
    with pytest.raises(JobChanged, match="somebody else changed"):
        await deployer.submit(place, stale)
    assert (await inspected(deployer, place)).tasks[0].image == cluster.old


async def test_of_many_writers_with_one_index_one_wins(deployer: NomadDeployer, cluster: Cluster, job_id: str) -> None:
    place = place_of(job_id)
    state = await inspected(deployer, place)
    won: list[Submission] = []
    lost: list[JobChanged] = []

    async def write(marker: str) -> None:
        try:
            won.append(await deployer.submit(place, order(state, cluster.new, marker=marker)))
        except JobChanged as error:
            lost.append(error)

    async with anyio.create_task_group() as writers:
        for number in range(16):
            writers.start_soon(write, f"r-{number}")
    # Nomad before 2.0.1 checks against a snapshot only, so that two can pass (GH-27832): hence our lease on the target.
    assert len(won) in ((1, 2) if cluster.is_real else (1,))
    assert len(won) + len(lost) == 16


async def test_the_same_specification_again_makes_no_version(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    state = await inspected(deployer, place)
    submission = await deployer.submit(place, order(state, cluster.old))
    assert not submission.changed
    assert submission.index == state.index
    assert (await inspected(deployer, place)).version == state.version


async def test_an_order_for_a_task_that_is_not_there_is_rejected(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    state = await inspected(deployer, place)
    elsewhere = Order(
        changes={TaskKey(group="app", task="other"): TaskChange(image=cluster.new)}, expected_index=state.index
    )
    with pytest.raises(JobRejected, match="no task app/other"):
        await deployer.submit(place, elsewhere)


async def test_recover_tells_what_became_of_an_order(deployer: NomadDeployer, cluster: Cluster, job_id: str) -> None:
    place = place_of(job_id)
    placed = order(await inspected(deployer, place), cluster.new, marker="r-7")
    assert await deployer.recover(place, placed) is None
    submission = await deployer.submit(place, placed)
    found = await deployer.recover(place, placed)
    assert found is not None
    assert (found.index, found.evaluation_id) == (submission.index, submission.evaluation_id)


async def test_recover_refuses_what_another_order_did(deployer: NomadDeployer, cluster: Cluster, job_id: str) -> None:
    place = place_of(job_id)
    state = await inspected(deployer, place)
    await deployer.submit(place, order(state, cluster.new, marker="r-theirs"))
    with pytest.raises(JobChanged):
        await deployer.recover(place, order(state, cluster.new, marker="r-ours"))


async def test_recover_finds_an_order_that_was_replaced_since(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    placed = order(await inspected(deployer, place), cluster.new, marker="r-7")
    submission = await deployer.submit(place, placed)
    await followed(deployer, place, submission)
    cluster.post(sample_job(job_id, cluster.old))
    found = await deployer.recover(place, placed)
    assert found is not None
    assert found.index == submission.index
    seen = await deployer.observe(place, found)
    assert seen.index > found.index
    assert seen.stable


async def test_a_stopped_job_is_unusable_and_takes_no_order(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    cluster.delete(job_id)
    state = await inspected(deployer, place)
    assert state.unusable is not None
    assert "stopped" in state.unusable
    with pytest.raises(JobRejected, match="stopped"):
        await deployer.submit(place, order(state, cluster.new))
    assert cluster.read(job_id)["Stop"] is True


async def test_a_job_stopped_after_our_registration_is_seen_so(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    submission = await deployer.submit(place, order(await inspected(deployer, place), cluster.new))
    cluster.delete(job_id)
    seen = await deployer.observe(place, submission)
    assert (seen.present, seen.stopped) == (True, True)


async def test_a_purged_job_is_absent_and_takes_no_order(deployer: NomadDeployer, cluster: Cluster) -> None:
    if cluster.is_real:
        pytest.skip("a purge right after a registration crashed a real 1.11.3 server")
    job_id = f"contract-{uuid.uuid4().hex[:8]}"
    place = place_of(job_id)
    cluster.post(sample_job(job_id, cluster.old))
    placed = order(await inspected(deployer, place), cluster.new)
    submission = await deployer.submit(place, placed)
    cluster.delete(job_id, purge=True)
    assert await deployer.inspect(place) is None
    assert not (await deployer.observe(place, submission)).present
    with pytest.raises(JobChanged, match="no longer"):
        await deployer.submit(place, placed)
    with pytest.raises(JobChanged, match="no longer"):
        await deployer.recover(place, placed)


@pytest.mark.parametrize("name", ["team/web", "a%2Fb", "what?no", "grün", "a#b;c&d=e+f"])
async def test_any_name_that_nomad_allows_is_reached(deployer: NomadDeployer, cluster: Cluster, name: str) -> None:
    job_id = f"contract-{uuid.uuid4().hex[:8]}-{name}"
    place = place_of(job_id)
    cluster.post(sample_job(job_id, cluster.old))
    try:
        submission = await deployer.submit(place, order(await inspected(deployer, place), cluster.new))
        assert (await deployer.observe(place, submission)).index == submission.index
        assert (await inspected(deployer, place)).tasks[0].image == cluster.new
    finally:
        cluster.delete(job_id)


async def test_a_periodic_job_is_effective_at_its_next_launch(deployer: NomadDeployer, cluster: Cluster) -> None:
    job_id = f"contract-{uuid.uuid4().hex[:8]}"
    place = place_of(job_id)
    periodic = {"Enabled": True, "SpecType": "cron", "Spec": "0 3 * * *"}
    cluster.post(sample_job(job_id, cluster.old, kind="batch", Periodic=periodic))
    try:
        state = await inspected(deployer, place)
        submission = await deployer.submit(place, order(state, cluster.new))
        seen = await deployer.observe(place, submission)
        again = await deployer.submit(place, order(await inspected(deployer, place), cluster.new))
        assert (submission.changed, submission.evaluation_id) == (True, "")
        assert (seen.launches_later, seen.index) == (True, submission.index)
        assert (again.changed, again.index) == (False, submission.index)
    finally:
        cluster.delete(job_id)


async def test_a_deployment_is_found_by_index_and_never_by_the_evaluation(
    deployer: NomadDeployer, cluster: Cluster, job_id: str
) -> None:
    place = place_of(job_id)
    first = await deployer.submit(place, order(await inspected(deployer, place), cluster.new))
    await followed(deployer, place, first)
    state = await inspected(deployer, place)
    assert state.deployment is None
    elsewhere = replace(first, index=first.index + 100_000)
    assert (await deployer.observe(place, elsewhere)).deployment is None
