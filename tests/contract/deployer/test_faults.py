"""What the Nomad deployer does when calls go wrong, on the simulator: its ledger is the witness of what was applied."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.deployment import DeploymentPhase
from app.domain.job import JobPatch, TaskChange
from app.errors import JobChanged, JobRejected, NomadDenied, NomadUnavailable, OutcomeUnknown
from app.simulators.nomad import (
    Fate,
    FaultAction,
    Misbehaviour,
    NomadFault,
    Simulator,
    Timing,
    create_simulator_app,
    sample_job,
)
from tests.contract.deployer.lone import NEW, OLD, PLACE, SERVER, a_patch, opened
from tests.servers.http import serve


@pytest.fixture
async def deployer(address: str) -> AsyncIterator[NomadDeployer]:
    async with opened(NomadConnection(address=address, timeout=1.0)) as made:
        yield made


def on_register(action: FaultAction, **fault: Any) -> NomadFault:
    return NomadFault(action=action, method="POST", path="/v1/job/web", **fault)


async def used_up(nomad: Simulator) -> None:
    """Wait until every fault has met its request."""
    with anyio.fail_after(30):
        while nomad.faults.waiting:  # noqa: ASYNC110 - another thread's state
            await anyio.sleep(0.01)


LOST_AFTER = [
    pytest.param(on_register(FaultAction.RESET, after=True), id="reset after apply"),
    pytest.param(on_register(FaultAction.HANG, after=True, seconds=3), id="hangs after apply"),
    pytest.param(on_register(FaultAction.STATUS, after=True, status=502, text="bad gateway"), id="gateway after apply"),
    pytest.param(
        on_register(FaultAction.STATUS, after=True, status=500, text="rpc error: EOF"), id="rpc error after apply"
    ),
    pytest.param(on_register(FaultAction.STATUS, after=True, status=500), id="no leader after apply"),
    pytest.param(on_register(FaultAction.STATUS, after=True, status=200, text="<html>"), id="not JSON after apply"),
]


@pytest.mark.parametrize("fault", LOST_AFTER)
async def test_an_applied_order_with_a_lost_answer_is_read_back(
    deployer: NomadDeployer, nomad: Simulator, fault: NomadFault
) -> None:
    patch = await a_patch(deployer)
    nomad.faults.add(replace(fault))
    submission = await deployer.submit(PLACE, patch)
    [entry] = nomad.ledger.entries(job="web")
    assert (submission.index, submission.changed) == (entry.job_modify_index, True)
    seen = await deployer.observe(PLACE, submission)
    assert seen.deployment is not None
    assert seen.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert submission.evaluation_id


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(on_register(FaultAction.RESET), OutcomeUnknown, id="reset before apply"),
        pytest.param(on_register(FaultAction.STATUS, status=504, text="timeout"), OutcomeUnknown, id="gateway"),
        pytest.param(on_register(FaultAction.STATUS, status=500), NomadUnavailable, id="no leader"),
        pytest.param(on_register(FaultAction.STATUS, status=429), NomadUnavailable, id="too many"),
        pytest.param(on_register(FaultAction.STATUS, status=403), NomadDenied, id="denied"),
        pytest.param(
            on_register(FaultAction.STATUS, status=400, text="Job must be specified"), JobRejected, id="bad request"
        ),
    ],
)
async def test_an_order_that_was_not_applied_says_so(
    deployer: NomadDeployer, nomad: Simulator, fault: NomadFault, error: type[Exception]
) -> None:
    patch = await a_patch(deployer)
    nomad.faults.add(replace(fault))
    with pytest.raises(error):
        await deployer.submit(PLACE, patch)
    assert nomad.ledger.entries(job="web") == []
    assert await deployer.recover(PLACE, patch) is None
    assert (await deployer.submit(PLACE, patch)).changed


async def test_an_order_applied_while_reading_back_is_found(deployer: NomadDeployer, nomad: Simulator) -> None:
    patch = await a_patch(deployer)
    nomad.faults.add(on_register(FaultAction.HANG, seconds=1.3))
    submission = await deployer.submit(PLACE, patch)
    [entry] = nomad.ledger.entries(job="web")
    assert submission.index == entry.job_modify_index


async def test_a_lost_answer_and_no_answer_afterwards_is_unknown(deployer: NomadDeployer, nomad: Simulator) -> None:
    patch = await a_patch(deployer)
    nomad.faults.add(
        NomadFault(
            action=FaultAction.HANG, method="GET", path="/v1/job/web"
        ),  # for no time at all: the read before goes through
        on_register(FaultAction.RESET, after=True),
        NomadFault(action=FaultAction.STATUS, method="GET", path="/v1/job/web", status=500, times=50),
    )
    with pytest.raises(OutcomeUnknown, match="No cluster leader"):
        await deployer.submit(PLACE, patch)
    nomad.faults.clear()
    found = await deployer.recover(PLACE, patch)
    assert found is not None
    assert found.index == nomad.ledger.entries(job="web")[-1].job_modify_index


async def test_a_change_by_somebody_else_between_read_and_write_conflicts(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    patch = await a_patch(deployer)
    nomad.faults.add(on_register(FaultAction.FOREIGN))
    with pytest.raises(JobChanged, match="conflicting job modify index"):
        await deployer.submit(PLACE, patch)
    assert nomad.ledger.entries(job="web") == []


async def test_a_lost_order_that_was_not_applied_before_somebody_elses_change_conflicts(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    patch = await a_patch(deployer)
    nomad.faults.add(on_register(FaultAction.RESET))

    async def scale_while_reading_back() -> None:
        await used_up(nomad)
        await anyio.to_thread.run_sync(lambda: nomad.scale("web", count=3))

    async with anyio.create_task_group() as both:
        both.start_soon(scale_while_reading_back)
        with pytest.raises(JobChanged, match="without our change"):
            await deployer.submit(PLACE, patch)
    assert nomad.ledger.entries(job="web") == []


async def test_a_specification_that_nomad_refuses_carries_its_words(address: str, nomad: Simulator) -> None:
    async with opened(NomadConnection(address=address)) as deployer:
        patch = await a_patch(deployer)
        nomad.faults.add(
            on_register(
                FaultAction.STATUS, status=500, text="rpc error: 1 error occurred:\n\t* Missing tasks for group\n\n"
            )
        )
        with pytest.raises(JobRejected, match="registering job web: Missing tasks for group; correct"):
            await deployer.submit(PLACE, patch)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (NomadFault(action=FaultAction.STATUS, status=500), "No cluster leader"),
        (NomadFault(action=FaultAction.STATUS, status=429), "too many concurrent"),
        (NomadFault(action=FaultAction.STATUS, status=404, text="404 page not found"), "404"),
        (NomadFault(action=FaultAction.STATUS, status=404, text="\n"), "404"),
        (NomadFault(action=FaultAction.STATUS, status=200, text="<html>login</html>"), "not Nomad's JSON"),
        (NomadFault(action=FaultAction.STATUS, status=200, text="[]"), "not in Nomad's form"),
        (NomadFault(action=FaultAction.STATUS, status=302, text="elsewhere"), "302"),
        (NomadFault(action=FaultAction.RESET), "connection broke"),
        (NomadFault(action=FaultAction.HANG, seconds=3), "did not answer in time"),
    ],
)
async def test_a_read_that_fails_is_unavailable(
    deployer: NomadDeployer, nomad: Simulator, fault: NomadFault, message: str
) -> None:
    nomad.faults.add(fault)
    with pytest.raises(NomadUnavailable, match=message):
        await deployer.inspect(PLACE)


async def test_nomad_being_away_is_unavailable_and_certainly_not_applied(nomad: Simulator) -> None:
    with serve(create_simulator_app(nomad)) as gone:
        pass
    async with opened(NomadConnection(address=gone)) as deployer:
        with pytest.raises(NomadUnavailable, match="cannot be reached"):
            await deployer.inspect(PLACE)


async def test_namespaces_hold_different_jobs_of_one_name(deployer: NomadDeployer, nomad: Simulator) -> None:
    nomad.seed(sample_job("web", "reg.example/other:v9", namespace="apps"))
    place = replace(PLACE, namespace="apps")
    state = await deployer.inspect(place)
    assert state is not None
    assert state.tasks[0].image == "reg.example/other:v9"
    patch = JobPatch(changes={SERVER: TaskChange(image=NEW)}, expected_index=state.index)
    submission = await deployer.submit(place, patch)
    seen = await deployer.observe(place, submission)
    assert seen.deployment is not None
    assert seen.evaluated
    assert nomad.job("web")["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == OLD
    assert nomad.job("web", "apps")["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == NEW


async def test_many_calls_run_beside_each_other(deployer: NomadDeployer, nomad: Simulator) -> None:
    nomad.faults.add(NomadFault(action=FaultAction.HANG, method="GET", path="/v1/job/web", seconds=0.4, times=16))
    with anyio.fail_after(3):
        async with anyio.create_task_group() as targets:
            for _ in range(16):
                targets.start_soon(deployer.inspect, PLACE)


async def test_what_cannot_be_placed_says_why_and_goes_on_when_there_is_room(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    nomad.judge(NEW, Fate.UNPLACEABLE)
    submission = await deployer.submit(PLACE, await a_patch(deployer))
    stuck = await deployer.observe(PLACE, submission)
    assert stuck.evaluated
    assert "1 allocation cannot be placed" in stuck.unplaced
    nomad.pardon(NEW)
    free = await deployer.observe(PLACE, submission)
    assert free.unplaced == ""
    assert free.deployment is not None
    assert free.deployment.phase is DeploymentPhase.SUCCESSFUL


async def test_an_auto_revert_is_seen_with_the_version_it_went_back_to(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    nomad.seed(sample_job("web", OLD, auto_revert=True))
    nomad.judge(NEW, Fate.EXITS_NONZERO)
    patch = await a_patch(deployer)
    submission = await deployer.submit(PLACE, patch)
    seen = await deployer.observe(PLACE, submission)
    assert seen.deployment is not None
    assert (seen.deployment.phase, seen.deployment.reverted_to is None) == (DeploymentPhase.FAILED, False)
    assert await deployer.recover(PLACE, patch) == submission


async def test_a_part_of_a_multiregion_job_takes_no_order(deployer: NomadDeployer, nomad: Simulator) -> None:
    """Only Nomad Enterprise has them."""
    nomad.seed(sample_job("web", OLD, Multiregion={"Regions": [{"Name": "global"}, {"Name": "eu"}]}))
    state = await deployer.inspect(PLACE)
    assert state is not None
    assert "multiregion" in str(state.unusable)
    with pytest.raises(JobRejected, match="multiregion"):
        await deployer.submit(PLACE, await a_patch(deployer))


async def test_a_slow_scheduler_is_not_evaluated_yet(deployer: NomadDeployer, nomad: Simulator) -> None:
    nomad.set_timing(Timing(evaluation=60, start=5, healthy=5))
    submission = await deployer.submit(PLACE, await a_patch(deployer))
    seen = await deployer.observe(PLACE, submission)
    assert (seen.evaluated, seen.deployment, seen.allocations) == (False, None, ())
    nomad.skip(61)
    state = await deployer.inspect(PLACE)
    assert state is not None
    assert state.deployment is not None
    assert state.deployment.job_spec_index == submission.index


@pytest.mark.parametrize("trouble", list(Misbehaviour))
async def test_an_evaluation_that_ends_badly_is_not_the_end(
    deployer: NomadDeployer, nomad: Simulator, trouble: Misbehaviour
) -> None:
    """Another one does its work: NextEval, BlockedEval, or the more recent one that overtook it."""
    nomad.trouble("web", trouble)
    submission = await deployer.submit(PLACE, await a_patch(deployer))
    early = await deployer.observe(PLACE, submission)
    assert early.deployment is None or early.deployment.phase is not DeploymentPhase.FAILED
    nomad.skip(100)
    seen = await deployer.observe(PLACE, submission)
    assert seen.evaluated
    assert seen.deployment is not None
    assert seen.deployment.phase is DeploymentPhase.SUCCESSFUL
