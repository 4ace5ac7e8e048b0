"""The other types of job, each with its own outcome."""

from dataclasses import replace

import pytest

from app.domain.deployment import DeploymentPhase, Snapshot
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs, quoted
from tests.contract.deployer.following import completed, inspected, over, rollout, running, settled, submitted
from tests.contract.deployer.jobs import NOWHERE, batch, constrained, group, job, service, task, update
from tests.servers.tiny_images import Behaviour

PERIODIC = {"Enabled": True, "SpecType": "cron", "Spec": "0 3 1 1 *"}


def has_deployments(cluster: Cluster) -> bool:
    """System jobs have deployments since 1.11."""
    return cluster.version >= (1, 11)


@pytest.mark.usefixtures("allocations_run")
async def test_a_system_job_is_followed(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(job(group(task(cluster.image(Behaviour.STEADY)), Update=update()), kind="system"))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    if has_deployments(cluster):
        snapshot = await rollout(deployer, place, submission)
        assert snapshot.deployment is not None
        assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL
        assert snapshot.stable
    else:
        snapshot = await rollout(deployer, place, submission, until=running)
        assert snapshot.deployment is None
        assert snapshot.desired == len({each["NodeID"] for each in cluster.allocations(place)})
    assert (snapshot.index, snapshot.launches_later, snapshot.completes) == (submission.index, False, False)


@pytest.mark.usefixtures("allocations_run")
async def test_a_sick_system_job_fails(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(job(group(task(cluster.image(Behaviour.STEADY)), Update=update()), kind="system"))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    snapshot = await rollout(
        deployer,
        place,
        submission,
        until=over if has_deployments(cluster) else lambda now: any(a.status == "failed" for a in now.allocations),
    )
    if snapshot.deployment is not None:
        assert snapshot.deployment.phase is DeploymentPhase.FAILED
    why = await deployer.diagnose(place, submission)
    assert any("server" in finding for finding in why.findings)


@pytest.mark.usefixtures("allocations_run")
async def test_a_batch_job_is_run_again_to_its_end(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(batch(cluster.image(Behaviour.FINISHES)))
    first = await submitted(deployer, place, cluster.image(Behaviour.FINISHES), marker="r-0")
    await rollout(deployer, place, first, until=completed)
    submission = await submitted(deployer, place, cluster.image(Behaviour.FINISHES, "v2"))
    snapshot = await rollout(deployer, place, submission, until=completed)
    assert (snapshot.deployment, snapshot.completes, snapshot.launches_later) == (None, True, False)
    assert len(snapshot.allocations) == 1
    [newest, *_] = cluster.allocations(place)
    assert newest["ID"] == snapshot.allocations[0].allocation_id


@pytest.mark.usefixtures("allocations_run")
async def test_a_sysbatch_job_is_run_again_on_every_node(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(job(group(task(cluster.image(Behaviour.FINISHES))), kind="sysbatch"))
    submission = await submitted(deployer, place, cluster.image(Behaviour.FINISHES, "v2"))
    snapshot = await rollout(deployer, place, submission, until=completed)
    assert (snapshot.deployment, snapshot.completes) == (None, True)
    nodes = {each["NodeID"] for each in cluster.allocations(place)}
    assert len(snapshot.allocations) == len(nodes)


async def launches_later(deployer: Deployer, cluster: Cluster, jobs: Jobs, **fields: object) -> Snapshot:
    """A periodic or parameterized batch job is updated, and updated again with the same image."""
    place = jobs.start(batch("reg.example/app:v1", Constraints=[NOWHERE], **fields))
    before = cluster.evaluations(place)
    submission = await submitted(deployer, place, "reg.example/app:v2")
    snapshot = await deployer.observe(place, submission)
    again = await submitted(deployer, place, "reg.example/app:v2")
    assert (submission.changed, submission.evaluation_id) == (True, "")
    assert (again.changed, again.index) == (False, submission.index)
    assert snapshot.index == submission.index
    assert len(cluster.evaluations(place)) == len(before)
    return snapshot


async def test_a_periodic_job_is_effective_at_its_next_launch(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    snapshot = await launches_later(deployer, cluster, jobs, Periodic=PERIODIC)
    assert (snapshot.launches_later, snapshot.deployment, snapshot.allocations) == (True, None, ())


async def test_a_parameterized_job_is_effective_at_its_next_dispatch(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    snapshot = await launches_later(deployer, cluster, jobs, ParameterizedJob={"Payload": "optional"})
    assert (snapshot.launches_later, snapshot.deployment, snapshot.allocations) == (True, None, ())


async def test_a_launch_that_runs_keeps_its_image(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(batch("reg.example/app:v1", Constraints=[NOWHERE], ParameterizedJob={"Payload": "optional"}))
    reply = cluster.call("POST", f"/v1/job/{quoted(place.job_id)}/dispatch", json={}).json()
    await submitted(deployer, place, "reg.example/app:v2")
    child = jobs.child(place, reply["DispatchedJobID"])
    assert (await inspected(deployer, child)).tasks[0].image == "reg.example/app:v1"
    reply = cluster.call("POST", f"/v1/job/{quoted(place.job_id)}/dispatch", json={}).json()
    later = jobs.child(place, reply["DispatchedJobID"])
    assert (await inspected(deployer, later)).tasks[0].image == "reg.example/app:v2"


@pytest.mark.parametrize("ending", ["versions", "summary", "allocations", "deployment", "submission", "plan", "tag"])
async def test_a_job_whose_id_ends_like_an_endpoint_is_read_and_changed(
    deployer: Deployer, cluster: Cluster, jobs: Jobs, ending: str
) -> None:
    """Nomad answers `GET /v1/job/ci%2Fversions` with the versions of the job `ci`."""
    job = constrained(service(cluster.image(Behaviour.STEADY)), "${node.class}", "nowhere")
    place = jobs.start({**job, "ID": f"{jobs.name()}/{ending}"})
    before = await inspected(deployer, place)
    assert before.version == 0
    ours = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    assert ours.changed
    after = await inspected(deployer, place)
    assert (after.index, after.version, after.create_index) == (ours.index, 1, before.create_index)
    assert [each.image for each in after.tasks] == [cluster.image(Behaviour.STEADY, "v2")]
    assert (await deployer.observe(place, ours)).index == ours.index
    cluster.stop(place)
    stopped = await inspected(deployer, place)
    assert stopped.unusable is not None
    assert await deployer.inspect(replace(place, job_id=f"nobody/{ending}")) is None
