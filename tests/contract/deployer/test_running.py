"""What runs, by version and allocation, for each kind of job and each end of a rollout; with the words of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest

from app.domain.history import History
from app.domain.job import JobState
from app.domain.reference import Reference
from app.domain.running import extent_of, running_images
from app.domain.watch import JobPlace, Watch
from app.ports import Deployer
from app.web.render.running import in_words
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import PATIENCE_SECONDS, inspected, rollout, settled, submitted
from tests.contract.deployer.jobs import GROUP, NOWHERE, TASK, batch, constrained, group, job, service, task, update
from tests.contract.deployer.test_canaries import deployment_of, waits_for_promotion
from tests.contract.deployer.test_job_types import PERIODIC
from tests.servers.tiny_images import Behaviour
from tests.web.values import WATCH

Runs = dict[tuple[int, str], tuple[int, int]]


def runs(state: JobState) -> Runs:
    """(running, canaries among them) by the job's version and the tag that the version specifies."""
    return {
        (each.version, _tag(each.tasks[0].image)): (each.running, each.canaries)
        for each in state.placement.allocations
        if each.running
    }


def shown(cluster: Cluster, state: JobState) -> str:
    """The cell "Runs" of a page, for a watch of the steady image."""
    repository = Reference.parse(cluster.image(Behaviour.STEADY)).repository
    place = JobPlace(region="", namespace="default", job_id="contract")
    watch = Watch(name="app", registry="main", repository=repository, place=place, task=TASK)
    images, extent = running_images(watch, state, History()), extent_of(watch, state)
    return in_words(replace(WATCH, running=images, allocation_count=extent.count))


async def until(deployer: Deployer, place: JobPlace, condition: Callable[[JobState], bool]) -> JobState:
    """Inspect the job until the condition holds; TimeoutError after a while."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            state = await inspected(deployer, place)
            if condition(state):
                return state
            await anyio.sleep(0.05)


async def running_as(deployer: Deployer, place: JobPlace, expected: Runs) -> JobState:
    """The job once exactly this runs."""
    return await until(deployer, place, lambda state: runs(state) == expected)


@pytest.mark.usefixtures("allocations_run")
async def test_a_rolling_update_runs_both_versions_until_it_is_done(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    with cluster.slowed(0.6):
        place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=3))
        state = await settled(deployer, place)
        assert (runs(state), state.placement.counts) == ({(0, "v1"): (3, 0)}, {GROUP: 3})
        assert shown(cluster, state) == "v1 ×3"
        await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
        state = await until(deployer, place, lambda state: set(runs(state)) == {(0, "v1"), (1, "v2")})
        assert state.placement.counts == {GROUP: 3}
        assert sum(running for running, _ in runs(state).values()) <= 3
        assert shown(cluster, state).startswith("v1 ×")
        assert ", v2 ×" in shown(cluster, state)
        state = await running_as(deployer, place, {(1, "v2"): (3, 0)})
    assert shown(cluster, state).startswith("v2 ×3")


@pytest.mark.usefixtures("allocations_run")
async def test_a_canary_runs_beside_the_old_version_until_it_is_promoted(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=2, Canary=1))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    waiting = deployment_of(await rollout(deployer, place, submission, until=waits_for_promotion))
    state = await running_as(deployer, place, {(0, "v1"): (2, 0), (1, "v2"): (1, 1)})
    assert state.placement.counts == {GROUP: 2}
    assert shown(cluster, state) == "v1 ×2, v2 ×1 canary"
    await deployer.promote(place, waiting.deployment_id)
    await rollout(deployer, place, submission)
    state = await running_as(deployer, place, {(1, "v2"): (2, 0)})
    assert shown(cluster, state).startswith("v2 ×2")


@pytest.mark.usefixtures("allocations_run")
async def test_a_failed_canary_leaves_the_old_version_running(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), Canary=1))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    await rollout(deployer, place, submission)
    state = await running_as(deployer, place, {(0, "v1"): (1, 0)})
    assert (state.version, state.placement.counts) == (1, {GROUP: 1})
    assert shown(cluster, state).startswith("v1 ×1")


@pytest.mark.usefixtures("allocations_run")
async def test_what_is_blocked_does_not_run_and_says_why(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1")))
    await settled(deployer, place)
    jobs.replace(place, constrained(service(cluster.image(Behaviour.STEADY, "v2")), "${attr.kernel.name}", "plan9"))
    state = await until(deployer, place, lambda state: "plan9" in state.placement.problem)
    assert (state.version, state.tasks[0].image) == (1, cluster.image(Behaviour.STEADY, "v2"))
    assert (runs(state), state.placement.counts) == ({(0, "v1"): (1, 0)}, {GROUP: 1})
    assert shown(cluster, state) == "v1 ×1"


async def test_what_never_had_a_place_runs_nothing(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1", count=2), "${attr.kernel.name}", "plan9"))
    state = await until(deployer, place, lambda state: "plan9" in state.placement.problem)
    assert (runs(state), state.placement.counts) == ({}, {GROUP: 2})
    assert shown(cluster, state) == "nothing runs, of 2"


@pytest.mark.usefixtures("allocations_run")
async def test_after_a_failure_that_is_not_taken_back_the_rest_of_the_old_version_runs(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=2))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    await rollout(deployer, place, submission)
    state = await running_as(deployer, place, {(0, "v1"): (1, 0)})
    assert (state.version, state.placement.counts) == (1, {GROUP: 2})
    assert "server" in state.placement.problem
    assert shown(cluster, state).startswith("v1 ×1")


@pytest.mark.usefixtures("allocations_run")
async def test_after_nomads_revert_the_old_image_runs_as_a_new_version(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=2, AutoRevert=True))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    await rollout(deployer, place, submission)
    state = await running_as(deployer, place, {(2, "v1"): (2, 0)})
    assert (state.version, state.placement.counts) == (2, {GROUP: 2})
    assert shown(cluster, state).startswith("v1 ×2")


@pytest.mark.usefixtures("allocations_run")
async def test_a_job_scaled_to_nothing_wants_nothing(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), count=2))
    await settled(deployer, place)
    cluster.scale(place, GROUP, 1)
    state = await until(deployer, place, lambda state: [each for each, _ in runs(state).values()] == [1])
    assert state.placement.counts == {GROUP: 1}
    await settled(deployer, place)
    cluster.scale(place, GROUP, 0)
    state = await running_as(deployer, place, {})
    assert (state.placement.counts, state.placement.problem) == ({GROUP: 0}, "")
    await until(deployer, place, lambda state: not state.placement.allocations)
    assert shown(cluster, await inspected(deployer, place)) == "nothing runs, and nothing should"


@pytest.mark.usefixtures("allocations_run")
async def test_a_stopped_job_wants_nothing(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1")))
    await settled(deployer, place)
    cluster.stop(place)
    state = await running_as(deployer, place, {})
    assert (state.placement.counts, state.unusable is not None) == ({}, True)


@pytest.mark.usefixtures("allocations_run")
async def test_a_batch_runs_until_it_completes_and_then_wants_nothing(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    with cluster.slowed(3600):
        endless = jobs.start(batch(cluster.image(Behaviour.STEADY, "v1")))
        state = await running_as(deployer, endless, {(0, "v1"): (1, 0)})
    assert (state.placement.counts, state.placement.completes) == ({GROUP: 1}, True)
    assert shown(cluster, state) == "v1 ×1"
    short = jobs.start(batch(cluster.image(Behaviour.FINISHES, "v1")))
    state = await until(deployer, short, lambda state: state.placement.counts == {GROUP: 0})
    assert (runs(state), state.placement.completes, state.placement.problem) == ({}, True, "")
    assert shown(cluster, state) == "nothing runs, and nothing should"


@pytest.mark.usefixtures("allocations_run")
async def test_a_system_job_runs_on_each_node(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(job(group(task(cluster.image(Behaviour.STEADY, "v1")), Update=update()), kind="system"))
    await settled(deployer, place)
    nodes = len({each["NodeID"] for each in cluster.allocations(place)})
    state = await running_as(deployer, place, {(0, "v1"): (nodes, 0)})
    assert state.placement.counts == {GROUP: nodes}
    assert shown(cluster, state) == f"v1 ×{nodes}"
    await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    state = await running_as(deployer, place, {(1, "v2"): (nodes, 0)})
    assert shown(cluster, state).startswith(f"v2 ×{nodes}")


@pytest.mark.parametrize("fields", [{"Periodic": PERIODIC}, {"ParameterizedJob": {"Payload": "optional"}}])
async def test_only_launches_of_a_periodic_or_parameterized_job_run(
    deployer: Deployer, cluster: Cluster, jobs: Jobs, fields: dict[str, object]
) -> None:
    place = jobs.start(batch("reg.example/app:v1", Constraints=[NOWHERE], **fields))
    await submitted(deployer, place, "reg.example/app:v2")
    state = await inspected(deployer, place)
    assert (state.version, state.tasks[0].image) == (1, "reg.example/app:v2")
    assert (runs(state), state.placement.counts, state.placement.launches_later) == ({}, {}, True)
    assert (state.placement.problem, shown(cluster, state)) == ("", "nothing runs, and nothing should")


def _tag(image: str) -> str:
    return Reference.parse(image).tag or ""
