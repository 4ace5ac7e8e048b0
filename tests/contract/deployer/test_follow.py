"""The course of a registration, by snapshots, and by waits that hold no thread."""

from typing import Any

import anyio
import pytest

from app.domain.deployment import DeploymentPhase, Snapshot
from app.domain.job import JobPatch, TaskChange
from app.errors import JobChanged
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import (
    PATIENCE_SECONDS,
    inspected,
    over,
    patch,
    rollout,
    running,
    settled,
    submitted,
)
from tests.contract.deployer.jobs import SECOND, constrained, group, job, service, task, update
from tests.servers.tiny_images import Behaviour

NOWHERE = ("${node.class}", "nowhere")
FOR_EVER = 600.0


@pytest.mark.usefixtures("allocations_run")
async def test_an_order_is_followed_to_success(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=3, MaxParallel=2))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"), marker="r-1")

    snapshot = await rollout(deployer, place, submission)

    assert submission.changed
    assert submission.evaluation_id
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert (snapshot.deployment.desired, snapshot.deployment.healthy, snapshot.deployment.unhealthy) == (3, 3, 0)
    assert (snapshot.present, snapshot.stopped, snapshot.launches_later) == (True, False, False)
    assert (snapshot.index, snapshot.evaluated) == (submission.index, True)
    assert (snapshot.stable, snapshot.unplaced) == (True, "")
    assert snapshot.failures == ()


@pytest.mark.usefixtures("allocations_run")
async def test_progress_moves_with_the_rollout(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    progress: list[str] = []

    def noting(snapshot: Snapshot) -> bool:
        if snapshot.progress not in progress:
            progress.append(snapshot.progress)
        return over(snapshot)

    with cluster.slowed(0.6):
        place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=3))
        await settled(deployer, place)
        submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
        await rollout(deployer, place, submission, until=noting)
    assert len(progress) >= 3, progress


@pytest.mark.usefixtures("allocations_run")
async def test_a_deployment_is_found_by_index_and_never_by_the_evaluation(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    """The evaluation of a version without a deployment names the older one's, which succeeded."""
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1")))
    await settled(deployer, place)
    jobs.replace(place, service(cluster.image(Behaviour.STEADY, "v1"), MaxParallel=0))
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    snapshot = await rollout(deployer, place, submission, until=lambda now: now.evaluated and bool(now.allocations))
    assert cluster.deployments(place)
    assert snapshot.deployment is None
    assert not snapshot.stable


@pytest.mark.usefixtures("allocations_run")
async def test_a_newer_version_supersedes_ours(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1")))
    await settled(deployer, place)
    slow = service(cluster.image(Behaviour.STEADY, "v1"), MinHealthyTime=6 * SECOND)
    jobs.replace(place, slow)
    with cluster.slowed(6):
        submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
        await rollout(deployer, place, submission, until=lambda snapshot: snapshot.deployment is not None)
        jobs.replace(place, service(cluster.image(Behaviour.STEADY, "v3")))
        snapshot = await rollout(deployer, place, submission)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.REPLACED
    assert snapshot.index > submission.index
    assert not snapshot.stable


async def test_a_job_stopped_meanwhile_is_found_stopped(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), *NOWHERE))
    submission = await submitted(deployer, place, "reg.example/app:v2")
    await rollout(deployer, place, submission, until=lambda snapshot: snapshot.deployment is not None)
    cluster.stop(place)
    snapshot = await rollout(deployer, place, submission)
    assert (snapshot.present, snapshot.stopped) == (True, True)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.STOPPED


async def test_a_job_purged_meanwhile_is_absent(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), *NOWHERE))
    placed = patch(await inspected(deployer, place), "reg.example/app:v2")
    submission = await deployer.submit(place, placed)
    snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.deployment is not None)
    assert snapshot.deployment is not None
    cluster.stop(place)
    await rollout(deployer, place, submission)
    cluster.stop(place, purge=True)
    jobs.gone(place)
    snapshot = await deployer.observe(place, submission, deployment_id=snapshot.deployment.deployment_id)
    assert not snapshot.present
    assert await deployer.inspect(place) is None
    for late in (deployer.submit, deployer.recover, deployer.preview):
        with pytest.raises(JobChanged, match="no longer"):
            await late(place, placed)


async def test_a_paused_deployment_waits(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), *NOWHERE))
    submission = await submitted(deployer, place, "reg.example/app:v2")
    snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.deployment is not None)
    assert snapshot.deployment is not None
    identity = snapshot.deployment.deployment_id
    for pause in (True, False):
        cluster.call("POST", f"/v1/deployment/pause/{identity}", json={"DeploymentID": identity, "Pause": pause})
        snapshot = await deployer.observe(place, submission, deployment_id=identity)
        assert snapshot.deployment is not None
        assert (snapshot.deployment.phase, snapshot.deployment.paused) == (DeploymentPhase.ACTIVE, pause)


async def test_what_cannot_be_placed_says_why_and_waits(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1", count=2), "${attr.kernel.name}", "plan9"))
    submission = await submitted(deployer, place, "reg.example/app:v2")
    snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.unplaced != "")
    assert snapshot.evaluated
    assert "app" in snapshot.unplaced
    assert "plan9" in snapshot.unplaced
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.ACTIVE
    assert snapshot.deployment.placed == 0


@pytest.mark.usefixtures("allocations_run")
async def test_it_goes_on_when_there_is_room(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    """The blocked evaluation, not the one of our registration, places the rest."""
    key = jobs.name()
    with cluster.closed(key):
        place = jobs.start(constrained(service(cluster.image(Behaviour.STEADY, "v1")), f"${{meta.{key}}}", "open"))
        submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
        await rollout(deployer, place, submission, until=lambda snapshot: snapshot.unplaced != "")
        cluster.open(key)
        snapshot = await rollout(deployer, place, submission)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert snapshot.unplaced == ""


@pytest.mark.usefixtures("allocations_run")
async def test_collected_rows_differ_from_rows_that_stay(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    """Versions and their Stable outlive evaluations and deployments."""
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1")))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    snapshot = await rollout(deployer, place, submission)
    assert snapshot.deployment is not None
    identity = snapshot.deployment.deployment_id
    later = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v3"))
    await rollout(deployer, place, later)
    with anyio.fail_after(PATIENCE_SECONDS):
        while any(each["ID"] == identity for each in cluster.deployments(place)):
            cluster.call("PUT", "/v1/system/gc")
            await anyio.sleep(0.2)
    snapshot = await deployer.observe(place, submission, deployment_id=identity)
    assert (snapshot.present, snapshot.deployment, snapshot.stable) == (True, None, True)
    assert snapshot.index == later.index


@pytest.mark.usefixtures("allocations_run")
async def test_a_change_after_success_is_found_by_the_index(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1")))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    await rollout(deployer, place, submission)
    jobs.replace(place, service(cluster.image(Behaviour.STEADY, "v1")))
    snapshot = await deployer.observe(place, submission)
    assert snapshot.index == cluster.read(place)["JobModifyIndex"] != submission.index


async def test_a_wait_ends_when_the_rollout_moves(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), *NOWHERE))
    submission = await submitted(deployer, place, "reg.example/app:v2")
    snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.unplaced != "")
    assert snapshot.wait_index is not None
    assert snapshot.deployment is not None
    with anyio.move_on_after(0.5) as before:
        await deployer.wait_for_change(place, snapshot.wait_index, within=FOR_EVER)
    assert before.cancelled_caught, "nothing has moved"

    async def end_it() -> None:
        identity = snapshot.deployment.deployment_id if snapshot.deployment else ""
        await anyio.to_thread.run_sync(lambda: cluster.call("POST", f"/v1/deployment/fail/{identity}", json={}))

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as both:
            both.start_soon(end_it)
            await deployer.wait_for_change(place, snapshot.wait_index, within=FOR_EVER)
    assert over(await deployer.observe(place, submission))


async def test_a_wait_ends_at_its_time(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), *NOWHERE))
    submission = await submitted(deployer, place, "reg.example/app:v2")
    snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.unplaced != "")
    assert snapshot.wait_index is not None
    with anyio.fail_after(PATIENCE_SECONDS):
        await deployer.wait_for_change(place, snapshot.wait_index, within=1)
    assert not over(await deployer.observe(place, submission)), "nothing but its time has ended it"


async def test_a_hundred_and_fifty_waits_leave_room_for_work(deployer: Deployer, jobs: Jobs) -> None:
    """Nomad allows a hundred connections per address; waits must not use up those of snapshots."""
    place = jobs.start(constrained(service("reg.example/app:v1"), *NOWHERE))
    submission = await submitted(deployer, place, "reg.example/app:v2")
    snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.unplaced != "")
    wait_index = snapshot.wait_index
    assert wait_index is not None
    async with anyio.create_task_group() as waits:
        for _ in range(150):
            waits.start_soon(lambda: deployer.wait_for_change(place, wait_index, within=FOR_EVER))
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(PATIENCE_SECONDS):
            for _ in range(10):
                await deployer.observe(place, submission)
                await inspected(deployer, place)
        waits.cancel_scope.cancel()
    with anyio.fail_after(PATIENCE_SECONDS):
        await inspected(deployer, place)


@pytest.mark.usefixtures("allocations_run")
async def test_scaling_to_nothing_has_nothing_to_wait_for(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=0))
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.evaluated)
    assert (snapshot.deployment, snapshot.desired, snapshot.allocations) == (None, 0, ())


@pytest.mark.usefixtures("allocations_run")
async def test_a_service_without_a_deployment_is_followed_by_its_allocations(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=2, MaxParallel=0))
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    snapshot = await rollout(deployer, place, submission, until=running)
    assert (snapshot.deployment, snapshot.desired) == (None, 2)
    assert all(each.started for each in snapshot.allocations)


@pytest.mark.usefixtures("allocations_run")
async def test_a_group_that_only_moves_along_joins_the_deployment(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    """Its allocation still runs, but must become healthy again."""
    image = cluster.image(Behaviour.STEADY)
    place = jobs.start(
        job(group(task(image), Update=update()), group(task(image, name="other"), name="along", Update=update()))
    )
    await settled(deployer, place)
    [before] = [each["ID"] for each in cluster.allocations(place) if each["TaskGroup"] == "along"]
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"), marker="r-1")
    snapshot = await rollout(deployer, place, submission)
    assert snapshot.deployment is not None
    assert (snapshot.deployment.phase, snapshot.deployment.desired) == (DeploymentPhase.SUCCESSFUL, 2)
    [after] = [each for each in cluster.allocations(place) if each["TaskGroup"] == "along"]
    assert (after["ID"], after["JobVersion"]) == (before, 1)


@pytest.mark.usefixtures("allocations_run")
async def test_one_sick_group_fails_the_whole(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    image = cluster.image(Behaviour.STEADY)
    idempotency_key = {"Attempts": 0, "Unlimited": False}
    place = jobs.start(
        job(
            group(task(image), Update=update(), ReschedulePolicy=idempotency_key),
            group(task(image, name="other"), name="well", Update=update(), ReschedulePolicy=idempotency_key),
        )
    )
    state = await settled(deployer, place)
    images = {"server": Behaviour.CRASHES, "other": Behaviour.STEADY}
    changes = {each.key: TaskChange(image=cluster.image(images[each.key.task], "v2")) for each in state.tasks}
    submission = await deployer.submit(place, JobPatch(changes=changes, expected_index=state.index))
    snapshot = await rollout(deployer, place, submission)
    assert snapshot.deployment is not None
    assert (snapshot.deployment.phase, snapshot.deployment.unhealthy) == (DeploymentPhase.FAILED, 1)


async def test_a_registration_of_somebody_else_with_our_image_is_the_successor(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    """CI posts the job with another Meta; then with another image, which is nobody's successor."""
    image, new = cluster.image(Behaviour.STEADY), cluster.image(Behaviour.STEADY, "v2")
    place = jobs.start(constrained(service(image), "${node.class}", "nowhere"))
    ours = patch(await inspected(deployer, place), new, marker="r-1")
    submission = await deployer.submit(place, ours)
    assert await deployer.find_successor(place, submission, ours) is None

    def posted(**changes: Any) -> None:
        job = {key: value for key, value in cluster.read(place).items() if key != "VersionTag"}
        cluster.register({**job, **changes})

    posted(Meta={"build": "7"})
    index = cluster.read(place)["JobModifyIndex"]
    successor = await deployer.find_successor(place, submission, ours)
    assert successor is not None
    assert (successor.index, successor.changed) == (index, True)
    assert successor.evaluation_id in {each["ID"] for each in cluster.evaluations(place)}
    groups = cluster.read(place)["TaskGroups"]
    groups[0]["Tasks"][0]["Config"]["image"] = image
    posted(TaskGroups=groups)
    assert await deployer.find_successor(place, successor, ours) is None
    assert (await deployer.find_successor(place, submission, ours)) == successor, "the next one counts, not the last"
