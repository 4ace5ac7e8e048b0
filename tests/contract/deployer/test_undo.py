"""Back to what was good: by Nomad's auto-revert, which is followed to its end, or by an order of our own."""

import anyio
import pytest

from app.domain.deployment import DeploymentPhase
from app.domain.job import Submission
from app.domain.watch import JobPlace
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import PATIENCE_SECONDS, inspected, rollout, settled, submitted
from tests.contract.deployer.jobs import service
from tests.servers.tiny_images import Behaviour


async def reverted(deployer: Deployer, place: JobPlace, submission: Submission) -> Submission:
    """What Nomad registered instead, once it did."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            found = await deployer.find_auto_revert(place, submission)
            if found is not None:
                return found
            await anyio.sleep(0.1)


@pytest.mark.usefixtures("allocations_run")
async def test_an_auto_revert_is_followed_to_its_end(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    old = cluster.image(Behaviour.STEADY)
    place = jobs.start(service(old, AutoRevert=True))
    before = await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))

    seen = await rollout(deployer, place, submission)
    assert seen.deployment is not None
    assert (seen.deployment.phase, seen.deployment.reverted_to) == (DeploymentPhase.FAILED, before.version)

    back = await reverted(deployer, place, submission)
    after = await rollout(deployer, place, back)
    assert back.index > submission.index
    assert after.deployment is not None
    assert (after.deployment.phase, after.index) == (DeploymentPhase.SUCCESSFUL, back.index)
    state = await settled(deployer, place)
    assert (state.tasks[0].image, state.version) == (old, before.version + 2)


@pytest.mark.usefixtures("allocations_run")
async def test_without_auto_revert_nothing_returns_and_our_own_order_mends(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    old = cluster.image(Behaviour.STEADY)
    place = jobs.start(service(old))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    seen = await rollout(deployer, place, submission)
    assert seen.deployment is not None
    assert seen.deployment.reverted_to is None
    assert await deployer.find_auto_revert(place, submission) is None

    back = await submitted(deployer, place, old, marker="r-undo")
    seen = await rollout(deployer, place, back)
    assert seen.deployment is not None
    assert seen.deployment.phase is DeploymentPhase.SUCCESSFUL


@pytest.mark.usefixtures("allocations_run")
async def test_a_first_version_has_nothing_to_return_to(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.CRASHES, "v1"), AutoRevert=True))
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES, "v2"))
    seen = await rollout(deployer, place, submission)
    assert seen.deployment is not None
    assert (seen.deployment.phase, seen.deployment.reverted_to) == (DeploymentPhase.FAILED, None)
    assert await deployer.find_auto_revert(place, submission) is None


@pytest.mark.usefixtures("allocations_run")
async def test_a_change_by_hand_is_no_return(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY)))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    await rollout(deployer, place, submission)
    jobs.replace(place, service(cluster.image(Behaviour.STEADY, "v3")))
    assert await deployer.find_auto_revert(place, submission) is None


@pytest.mark.usefixtures("allocations_run")
async def test_only_a_new_marker_tries_a_failed_version_again(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    """Registering the identical specification after a failure does nothing in Nomad."""
    sick = cluster.image(Behaviour.CRASHES)
    place = jobs.start(service(cluster.image(Behaviour.STEADY)))
    await settled(deployer, place)
    first = await submitted(deployer, place, sick, marker="r-1")
    await rollout(deployer, place, first)
    same = await submitted(deployer, place, sick, marker="r-1")
    version = (await inspected(deployer, place)).version
    again = await submitted(deployer, place, sick, marker="r-2")
    assert (same.changed, again.changed) == (False, True)
    assert (await inspected(deployer, place)).version == version + 1
    seen = await rollout(deployer, place, again)
    assert seen.deployment is not None
    assert seen.deployment.phase is DeploymentPhase.FAILED
