"""Snapshots of a deployment that is followed by its id: their requests, their content, and changes from outside."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.deployment import DeploymentPhase, Snapshot
from app.domain.job import Submission
from app.domain.watch import JobPlace
from app.errors import JobRejected, NomadDenied, NomadUnavailable
from app.simulators.nomad import Fate, FaultAction, NomadFault, Simulator, Timing, create_simulator_app, sample_job
from tests.servers.http import serve

PLACE = JobPlace(region="", namespace="default", job_id="web")
OLD, NEW = "reg.example/app:1", "reg.example/app:2"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True, kw_only=True, eq=False)
class Agent:
    nomad: Simulator
    url: str

    def registered(self, image: str = OLD, **fields: Any) -> Submission:
        reply = self.nomad.seed(sample_job("web", image, **fields))
        return Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])

    @property
    def request_count(self) -> int:
        return sum(self.nomad.ledger.requests.values())


@pytest.fixture
def agent() -> Iterator[Agent]:
    nomad = Simulator(timing=Timing(healthy=10))
    with serve(create_simulator_app(nomad)) as url:
        yield Agent(nomad=nomad, url=url)


@pytest.fixture
async def deployer(agent: Agent) -> AsyncIterator[NomadDeployer]:
    made = NomadDeployer(NomadConnection(address=agent.url))
    yield made
    await made.aclose()


def deployment_of(snapshot: Snapshot) -> str:
    assert snapshot.deployment is not None
    return snapshot.deployment.deployment_id


async def begun(agent: Agent, deployer: NomadDeployer, **fields: Any) -> tuple[Submission, str]:
    """A running version, and a newer one with an active deployment."""
    agent.nomad.set_timing(Timing())
    agent.registered(**fields)
    agent.nomad.set_timing(Timing(healthy=10))
    ours = agent.registered(NEW, **fields)
    return ours, deployment_of(await deployer.observe(PLACE, ours))


async def test_a_deployment_that_goes_well_costs_one_request_a_look(agent: Agent, deployer: NomadDeployer) -> None:
    ours, deployment_id = await begun(agent, deployer)
    before = agent.request_count
    snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
    assert agent.request_count - before == 1
    assert (snapshot.present, snapshot.index, snapshot.evaluated) == (True, ours.index, True)
    assert snapshot.wait_index is not None
    assert snapshot.wait_index.subject == f"deployment/{deployment_id}"
    assert snapshot.deployment is not None
    assert (snapshot.deployment.phase, snapshot.deployment.placed) == (DeploymentPhase.ACTIVE, 1)


async def test_an_unhealthy_one_is_read_in_full(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.judge(NEW, Fate.EXITS_NONZERO, "boom")
    agent.nomad.set_timing(Timing(watch=3600))
    ours = agent.registered(NEW)
    deployment_id = deployment_of(await deployer.observe(PLACE, ours))
    snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
    assert snapshot.failures == ("exited with code 3 (app/server)",)


async def test_unplaced_allocations_are_in_every_snapshot(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.judge(NEW, Fate.UNPLACEABLE)
    ours = agent.registered(NEW)
    first = await deployer.observe(PLACE, ours)
    again = await deployer.observe(PLACE, ours, deployment_id=deployment_of(first))
    assert "cannot be placed" in first.unplaced
    assert again.unplaced == first.unplaced


@pytest.mark.parametrize("known", [True, False])
async def test_at_its_end_the_job_is_still_ours_or_reported(agent: Agent, deployer: NomadDeployer, known: bool) -> None:
    ours, deployment_id = await begun(agent, deployer)
    agent.nomad.skip(12)
    identity = deployment_id if known else ""
    snapshot = await deployer.observe(PLACE, ours, deployment_id=identity)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert (snapshot.index, snapshot.stable) == (ours.index, True)
    assert snapshot.wait_index is None
    agent.nomad.change_by_another("web")
    snapshot = await deployer.observe(PLACE, ours, deployment_id=identity)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert snapshot.index > ours.index


async def test_a_deployment_that_was_collected_is_no_failure(agent: Agent, deployer: NomadDeployer) -> None:
    ours, deployment_id = await begun(agent, deployer)
    agent.nomad.skip(12)
    agent.registered("reg.example/app:3")
    agent.nomad.skip(12)
    agent.nomad.collect_garbage()
    snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
    assert (snapshot.deployment, snapshot.stable, snapshot.evaluated) == (None, True, True)


async def test_another_registration_is_not_taken_for_ours(agent: Agent, deployer: NomadDeployer) -> None:
    ours, deployment_id = await begun(agent, deployer)
    theirs = agent.registered("reg.example/app:3")
    snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.REPLACED
    snapshot = await deployer.observe(PLACE, theirs, deployment_id=deployment_id)
    assert deployment_of(snapshot) != deployment_id


async def test_a_rolling_update_of_ten_costs_few_requests(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing())
    agent.registered(count=10)
    agent.nomad.set_timing(Timing(start=0.05, healthy=0.1, watch=0.05))
    before, deployment_id = agent.request_count, ""
    ours = agent.registered(NEW, count=10)
    while True:
        snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
        if snapshot.wait_index is None:
            break
        deployment_id = snapshot.deployment.deployment_id if snapshot.deployment else ""
        await deployer.wait_for_change(PLACE, snapshot.wait_index, within=60)
    assert snapshot.deployment is not None
    assert (snapshot.deployment.phase, snapshot.deployment.healthy) == (DeploymentPhase.SUCCESSFUL, 10)
    assert agent.request_count - before <= 35


async def test_what_nomad_goes_back_to_is_not_done_before_its_deployment(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing())
    agent.registered(auto_revert=True)
    agent.nomad.judge(NEW, Fate.EXITS_NONZERO)
    agent.nomad.set_timing(Timing(evaluation=5, healthy=10))
    ours = agent.registered(NEW, auto_revert=True)
    assert await deployer.find_auto_revert(PLACE, ours) is None
    agent.nomad.skip(6)
    back = await deployer.find_auto_revert(PLACE, ours)
    assert back is not None
    assert back.index > ours.index
    snapshot = await deployer.observe(PLACE, back)
    assert not snapshot.stable, "it inherits the mark of the version that it repeats"
    agent.nomad.skip(30)
    snapshot = await deployer.observe(PLACE, back)
    assert snapshot.deployment is not None
    assert (snapshot.deployment.phase, snapshot.stable) == (DeploymentPhase.SUCCESSFUL, True)


async def test_a_persons_registration_is_no_return(agent: Agent, deployer: NomadDeployer) -> None:
    ours, _ = await begun(agent, deployer)
    agent.registered("reg.example/app:3")
    assert await deployer.find_auto_revert(PLACE, ours) is None


async def test_canaries_are_promoted_once_they_are_healthy(agent: Agent, deployer: NomadDeployer) -> None:
    ours, deployment_id = await begun(agent, deployer, canary=1)
    with pytest.raises(JobRejected, match=r"not all canaries are healthy \(0 of 1 in group app\); wait until they are"):
        await deployer.promote(PLACE, deployment_id)
    agent.nomad.skip(12)
    snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
    assert snapshot.deployment is not None
    assert (snapshot.deployment.canaries, snapshot.deployment.awaits_promotion) == (1, True)
    agent.nomad.set_timing(Timing())
    await deployer.promote(PLACE, deployment_id)
    snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL
    for act in (deployer.promote, deployer.fail):
        with pytest.raises(JobRejected, match=r"has already ended.*; deploy again"):
            await act(PLACE, deployment_id)


async def test_a_deployment_is_failed_on_request(agent: Agent, deployer: NomadDeployer) -> None:
    ours, deployment_id = await begun(agent, deployer)
    await deployer.fail(PLACE, deployment_id)
    snapshot = await deployer.observe(PLACE, ours, deployment_id=deployment_id)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.FAILED
    with pytest.raises(JobRejected, match="no longer in Nomad"):
        await deployer.fail(PLACE, UNKNOWN)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (NomadFault(action=FaultAction.STATUS, status=403), NomadDenied, "promote-deployment"),
        (NomadFault(action=FaultAction.STATUS, status=500), NomadUnavailable, "No cluster leader"),
        (NomadFault(action=FaultAction.STATUS, status=400, text="Group name odd"), JobRejected, "Group name odd"),
        (NomadFault(action=FaultAction.RESET, after=True), NomadUnavailable, "check the deployment"),
    ],
)
async def test_a_refused_promotion_names_the_thing_and_the_fix(
    agent: Agent, deployer: NomadDeployer, fault: NomadFault, error: type[Exception], message: str
) -> None:
    _, deployment_id = await begun(agent, deployer, canary=1)
    agent.nomad.skip(12)
    agent.nomad.faults.add(fault)
    with pytest.raises(error, match=message):
        await deployer.promote(PLACE, deployment_id)
