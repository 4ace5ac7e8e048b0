"""Refusals: one message that names the thing and the fix, and no registration."""

import pytest

from app.domain.job import TaskKey
from app.domain.watch import JobPlace
from app.errors import JobRejected
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs, quoted
from tests.contract.deployer.following import inspected, patch
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
            await refused(place, patch(state, NEW))
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
        await deployer.submit(place, patch(state, NEW))
    assert (await inspected(deployer, place)).index == state.index


async def test_a_missing_task_is_named(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced())
    state = await inspected(deployer, place)
    with pytest.raises(JobRejected, match="app/other") as refused:
        await deployer.submit(place, patch(state, NEW, key=TaskKey(group="app", task="other")))
    assert place.job_id in str(refused.value)
