"""Follows a registration as the service does: by snapshots, and by waits for their wait index."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from app.domain.deployment import DeploymentPhase, Snapshot
from app.domain.job import JobPatch, JobState, Submission, TaskChange, TaskKey
from app.domain.watch import JobPlace
from app.ports import Deployer
from tests.contract.deployer.jobs import GROUP, TASK

SERVER = TaskKey(group=GROUP, task=TASK)
PATIENCE_SECONDS = 45


def patch(state: JobState, image: str, *, key: TaskKey = SERVER, marker: str | None = None) -> JobPatch:
    """A patch that sets one task to `image`, if the job still has the index of `state`."""
    return JobPatch(changes={key: TaskChange(image=image, marker=marker)}, expected_index=state.index)


async def inspected(deployer: Deployer, place: JobPlace) -> JobState:
    """The job. AssertionError if there is none."""
    state = await deployer.inspect(place)
    assert state is not None
    return state


async def submitted(deployer: Deployer, place: JobPlace, image: str, *, marker: str | None = None) -> Submission:
    """Register an image for the only task of the present job."""
    return await deployer.submit(place, patch(await inspected(deployer, place), image, marker=marker))


def over(snapshot: Snapshot) -> bool:
    """Whether the deployment is finished."""
    return snapshot.deployment is not None and snapshot.deployment.phase is not DeploymentPhase.ACTIVE


def running(snapshot: Snapshot) -> bool:
    """Whether all desired allocations run, for a job without a deployment."""
    alive = [each for each in snapshot.allocations if each.status == "running"]
    return snapshot.evaluated and snapshot.desired > 0 and len(alive) == snapshot.desired


def completed(snapshot: Snapshot) -> bool:
    """Whether a batch job's allocations are done."""
    complete = all(each.status == "complete" for each in snapshot.allocations)
    return snapshot.evaluated and bool(snapshot.allocations) and complete


async def rollout(
    deployer: Deployer, place: JobPlace, submission: Submission, *, until: Callable[[Snapshot], bool] = over
) -> Snapshot:
    """Take snapshots until `until` is true. TimeoutError after a while."""
    deployment_id = ""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            snapshot = await deployer.observe(place, submission, deployment_id=deployment_id)
            if until(snapshot):
                return snapshot
            if snapshot.deployment is not None:
                deployment_id = snapshot.deployment.deployment_id
            if snapshot.wait_index is not None:
                await deployer.wait_for_change(place, snapshot.wait_index, within=2)
            else:
                await anyio.sleep(0.1)


async def settled(deployer: Deployer, place: JobPlace) -> JobState:
    """The job after its evaluation, without an active deployment: the start of a test."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            state = await inspected(deployer, place)
            snapshot = await deployer.observe(place, Submission(index=state.index, evaluation_id=""))
            if snapshot.evaluated and (snapshot.deployment is None or over(snapshot)):
                return await inspected(deployer, place)
            await anyio.sleep(0.1)
