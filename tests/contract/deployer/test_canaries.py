"""Canaries: seen waiting with their health, promoted or failed by a word, or promoted by Nomad itself."""

import pytest

from app.domain.deployment import DeploymentPhase, DeploymentState, Snapshot
from app.errors import JobRejected
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import over, rollout, settled, submitted
from tests.contract.deployer.jobs import SECOND, constrained, service
from tests.servers.tiny_images import Behaviour


def waits_for_promotion(seen: Snapshot) -> bool:
    return seen.deployment is not None and seen.deployment.awaits_promotion


def deployment_of(seen: Snapshot) -> DeploymentState:
    assert seen.deployment is not None
    return seen.deployment


@pytest.mark.usefixtures("allocations_run")
async def test_a_canary_waits_healthy_and_is_promoted(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=2, Canary=1))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))

    waiting = deployment_of(await rollout(deployer, place, submission, until=waits_for_promotion))
    stored = cluster.read(place)
    assert (waiting.phase, waiting.canaries, waiting.healthy) == (DeploymentPhase.ACTIVE, 1, 1)
    assert (stored["JobModifyIndex"], stored["Stable"]) == (submission.index, False)

    await deployer.promote(place, waiting.deployment_id)
    seen = await rollout(deployer, place, submission)
    done = deployment_of(seen)
    assert (done.phase, done.awaits_promotion, done.healthy) == (DeploymentPhase.SUCCESSFUL, False, 2)
    assert seen.stable
    with pytest.raises(JobRejected, match="has already ended"):
        await deployer.promote(place, waiting.deployment_id)


@pytest.mark.usefixtures("allocations_run")
async def test_a_canary_that_is_not_healthy_yet_cannot_be_promoted(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), Canary=1, MinHealthyTime=4 * SECOND))
    await settled(deployer, place)
    with cluster.slowed(4):
        submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
        seen = await rollout(deployer, place, submission, until=lambda seen: seen.deployment is not None)
        assert not deployment_of(seen).awaits_promotion
        with pytest.raises(JobRejected, match="healthy"):
            await deployer.promote(place, deployment_of(seen).deployment_id)


@pytest.mark.usefixtures("allocations_run")
async def test_a_canary_is_failed_by_a_word(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), Canary=1))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    waiting = deployment_of(await rollout(deployer, place, submission, until=waits_for_promotion))
    await deployer.fail(place, waiting.deployment_id)
    failed = deployment_of(await rollout(deployer, place, submission))
    assert failed.phase is DeploymentPhase.FAILED
    assert "marked as failed" in failed.description
    with pytest.raises(JobRejected, match="has already ended"):
        await deployer.fail(place, waiting.deployment_id)


@pytest.mark.usefixtures("allocations_run")
async def test_nomad_promotes_where_the_job_says_so(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), Canary=1, AutoPromote=True))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    seen = await rollout(deployer, place, submission, until=lambda seen: waits_for_promotion(seen) or over(seen))
    assert deployment_of(seen).phase is DeploymentPhase.SUCCESSFUL


@pytest.mark.usefixtures("allocations_run")
async def test_a_sick_canary_fails_and_leaves_the_old_one(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), Canary=1))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    failed = deployment_of(await rollout(deployer, place, submission))
    assert (failed.phase, failed.healthy) == (DeploymentPhase.FAILED, 0)
    alive = [each for each in cluster.allocations(place) if each["ClientStatus"] == "running"]
    assert [each["JobVersion"] for each in alive] == [0]


async def test_a_deployment_that_is_not_there_is_said(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), "${node.class}", "nowhere"))
    nothing = "00000000-0000-0000-0000-000000000000"
    for act in (deployer.promote, deployer.fail):
        with pytest.raises(JobRejected, match="deployment"):
            await act(place, nothing)
