"""Check-and-set: one writer wins, the others get an error, and a lost answer is recovered by a read."""

import anyio
import pytest

from app.domain.job import Submission
from app.errors import JobChanged
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import inspected, patch, rollout
from tests.contract.deployer.jobs import (
    group,
    service,
    task,
    unplaced,
)
from tests.servers.tiny_images import Behaviour


async def test_the_same_specification_again_makes_no_version(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    submission = await deployer.submit(place, patch(state, "reg.example/app:v1"))
    assert (submission.changed, submission.index) == (False, state.index)
    assert (await inspected(deployer, place)).version == state.version


async def test_the_loser_of_a_race_learns_that_the_job_changed(deployer: Deployer, jobs: Jobs) -> None:
    old = unplaced(group(task("reg.example/app:v1")))
    place = jobs.start(old)
    stale = patch(await inspected(deployer, place), "reg.example/app:v2")
    jobs.replace(place, {**old, "Meta": {"by": "hand"}})
    with pytest.raises(JobChanged, match="changed by somebody else"):
        await deployer.submit(place, stale)
    assert (await inspected(deployer, place)).tasks[0].image == "reg.example/app:v1"


async def test_of_many_writers_with_one_index_one_wins(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    won: list[Submission] = []
    lost: list[JobChanged] = []

    async def write(marker: str) -> None:
        try:
            won.append(await deployer.submit(place, patch(state, "reg.example/app:v2", marker=marker)))
        except JobChanged as error:
            lost.append(error)

    async with anyio.create_task_group() as writers:
        for number in range(8):
            writers.start_soon(write, f"r-{number}")
    # An older Nomad checks against a snapshot only, so several writers may pass on a busy one. Our lease prevents this.
    assert len(won) == 1 or (won and cluster.checks_a_snapshot)
    assert len(won) + len(lost) == 8


async def test_recover_reports_what_became_of_a_patch(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    placed = patch(await inspected(deployer, place), "reg.example/app:v2", marker="r-7")
    assert await deployer.recover(place, placed) is None
    submission = await deployer.submit(place, placed)
    found = await deployer.recover(place, placed)
    assert found is not None
    assert (found.index, found.evaluation_id) == (submission.index, submission.evaluation_id)


async def test_recover_refuses_what_another_order_did(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    await deployer.submit(place, patch(state, "reg.example/app:v2", marker="r-theirs"))
    with pytest.raises(JobChanged):
        await deployer.recover(place, patch(state, "reg.example/app:v2", marker="r-ours"))


@pytest.mark.usefixtures("allocations_run")
async def test_recover_finds_an_order_that_was_replaced_since(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    old, new = cluster.image(Behaviour.STEADY, "v1"), cluster.image(Behaviour.STEADY, "v2")
    place = jobs.start(service(old))
    placed = patch(await inspected(deployer, place), new, marker="r-7")
    submission = await deployer.submit(place, placed)
    await rollout(deployer, place, submission)
    jobs.replace(place, service(old))
    found = await deployer.recover(place, placed)
    assert found is not None
    assert found.index == submission.index
    snapshot = await deployer.observe(place, found)
    assert snapshot.index > found.index
    assert snapshot.stable
