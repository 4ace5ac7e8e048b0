"""What is refused, with one sentence that names the thing and what mends it; and nothing is registered."""

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import TaskKey
from app.domain.watch import JobPlace
from app.errors import JobRejected, NomadDenied
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs, quoted
from tests.contract.deployer.following import inspected, order
from tests.contract.deployer.guarded import Guarded
from tests.contract.deployer.jobs import NOWHERE, batch, constrained, service

OLD, NEW = "reg.example/app:v1", "reg.example/app:v2"


def unplaced() -> dict[str, object]:
    return constrained(service(OLD), "${node.class}", "nowhere")


async def test_a_job_that_is_not_there_is_none(deployer: Deployer) -> None:
    assert await deployer.inspect(JobPlace(region="", namespace="default", job_id="contract-nothing-here")) is None


async def test_a_namespace_that_is_not_there_has_no_jobs(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced())
    elsewhere = JobPlace(region="", namespace="contract-nowhere", job_id=place.job_id)
    assert await deployer.inspect(elsewhere) is None


async def test_a_stopped_job_takes_no_order(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(unplaced())
    cluster.stop(place)
    state = await inspected(deployer, place)
    assert state.unusable is not None
    assert "stopped" in state.unusable
    for refused in (deployer.submit, deployer.preview):
        with pytest.raises(JobRejected, match="stopped"):
            await refused(place, order(state, NEW))
    assert cluster.read(place)["Stop"] is True
    assert cluster.read(place)["JobModifyIndex"] == state.index


async def test_a_launch_of_a_periodic_job_takes_no_order(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    periodic = {"Enabled": True, "SpecType": "cron", "Spec": "0 3 1 1 *"}
    place = jobs.start(batch(OLD, Constraints=[NOWHERE], Periodic=periodic))
    reply = cluster.call("POST", f"/v1/job/{quoted(place.job_id)}/periodic/force").json()
    launched = reply.get("EvalID")
    assert launched
    evaluation = cluster.call("GET", f"/v1/evaluation/{launched}").json()
    await refused_as_child(deployer, jobs.child(place, evaluation["JobID"]), parent=place.job_id)


async def test_a_dispatched_job_takes_no_order(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(batch(OLD, Constraints=[NOWHERE], ParameterizedJob={"Payload": "optional"}))
    reply = cluster.call("POST", f"/v1/job/{quoted(place.job_id)}/dispatch", json={}).json()
    await refused_as_child(deployer, jobs.child(place, reply["DispatchedJobID"]), parent=place.job_id)


async def refused_as_child(deployer: Deployer, place: JobPlace, *, parent: str) -> None:
    state = await inspected(deployer, place)
    assert state.unusable is not None
    assert parent in state.unusable
    with pytest.raises(JobRejected, match=parent):
        await deployer.submit(place, order(state, NEW))
    assert (await inspected(deployer, place)).index == state.index


async def test_a_missing_task_is_named(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced())
    state = await inspected(deployer, place)
    with pytest.raises(JobRejected, match="app/other") as refused:
        await deployer.submit(place, order(state, NEW, key=TaskKey(group="app", task="other")))
    assert place.job_id in str(refused.value)


async def test_a_token_with_the_shipped_rights_does_all(guarded: Guarded) -> None:
    """Reads, plans, registers and follows in its own namespace, and nothing elsewhere."""
    place = guarded.jobs.start({**unplaced(), "Namespace": guarded.namespace})
    async with guarded.deployer(["list-jobs", "read-job", "submit-job", "read-logs"]) as deployer:
        state = await inspected(deployer, place)
        assert (await deployer.preview(place, order(state, NEW))).allowed
        submission = await deployer.submit(place, order(state, NEW))
        seen = await deployer.observe(place, submission)
        assert (submission.changed, seen.index) == (True, submission.index)
        with pytest.raises(NomadDenied, match="default"):
            await deployer.inspect(JobPlace(region="", namespace="default", job_id=place.job_id))


async def test_without_the_right_to_plan_it_goes_on_and_says_so(guarded: Guarded) -> None:
    if guarded.jobs.cluster.version < (1, 11, 2):
        pytest.skip("register-job came with Nomad 1.11.2: before, who may register may plan")
    place = guarded.jobs.start({**unplaced(), "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "register-job"]) as deployer:
        state = await inspected(deployer, place)
        assert not (await deployer.preview(place, order(state, NEW))).allowed
        submission = await deployer.submit(place, order(state, NEW))
        assert submission.changed
        assert "plan" in submission.warnings


@pytest.mark.parametrize(("capabilities", "words"), [(["read-job"], "register"), (["list-jobs"], "read")])
async def test_what_a_token_lacks_is_named(guarded: Guarded, capabilities: list[str], words: str) -> None:
    place = guarded.jobs.start({**unplaced(), "Namespace": guarded.namespace})
    before = guarded.jobs.cluster.read(place)["JobModifyIndex"]
    async with guarded.deployer(capabilities) as deployer:
        with pytest.raises(NomadDenied, match=words) as denied:
            await deployer.submit(place, order(await inspected(deployer, place), NEW))
    assert guarded.namespace in str(denied.value)
    assert "NOMAD_TOKEN" in str(denied.value)
    assert guarded.jobs.cluster.read(place)["JobModifyIndex"] == before


async def test_a_token_that_nobody_knows_is_denied(guarded: Guarded) -> None:
    place = guarded.jobs.start({**unplaced(), "Namespace": guarded.namespace})
    for token in ("", "00000000-0000-0000-0000-000000000000"):
        connection = NomadConnection(address=guarded.jobs.cluster.address, token=token)
        deployer = NomadDeployer(connection)
        with pytest.raises(NomadDenied, match="NOMAD_TOKEN"):
            await deployer.inspect(place)
        await deployer.aclose()


async def test_logs_that_may_not_be_read_are_said(guarded: Guarded) -> None:
    place = guarded.jobs.start({**unplaced(), "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "submit-job"]) as deployer:
        submission = await deployer.submit(place, order(await inspected(deployer, place), NEW))
        assert (await deployer.diagnose(place, submission)).logs == ()


async def test_registrations_that_an_operator_switched_off_are_said(guarded: Guarded) -> None:
    place = guarded.jobs.start({**unplaced(), "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "submit-job"]) as deployer:
        placed = order(await inspected(deployer, place), NEW)
        with guarded.registrations_rejected(), pytest.raises(NomadDenied, match="registration") as denied:
            await deployer.submit(place, placed)
        assert "reject-job-registration" in str(denied.value)
        assert (await deployer.submit(place, placed)).changed


async def test_two_namespaces_hold_different_jobs_of_one_name(guarded: Guarded) -> None:
    name = guarded.jobs.name()
    here = guarded.jobs.start({**unplaced(), "ID": name})
    there = guarded.jobs.start({**unplaced(), "ID": name, "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "submit-job"]) as deployer:
        await deployer.submit(there, order(await inspected(deployer, there), NEW))
    images = [guarded.jobs.cluster.read(each)["TaskGroups"][0]["Tasks"][0]["Config"]["image"] for each in (here, there)]
    assert images == [OLD, NEW]
