"""How the suite follows a registration: as the service does, by short looks and waits on what they point at."""

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
    """To bring one task to `image`, if the job is still as `state` says."""
    return JobPatch(changes={key: TaskChange(image=image, marker=marker)}, expected_index=state.index)


async def inspected(deployer: Deployer, place: JobPlace) -> JobState:
    """The job, which must be there."""
    state = await deployer.inspect(place)
    assert state is not None
    return state


async def submitted(deployer: Deployer, place: JobPlace, image: str, *, marker: str | None = None) -> Submission:
    """Register an image for the only task of the job as it is now."""
    return await deployer.submit(place, patch(await inspected(deployer, place), image, marker=marker))


def over(seen: Snapshot) -> bool:
    """Whether the deployment is finished."""
    return seen.deployment is not None and seen.deployment.phase is not DeploymentPhase.ACTIVE


def running(seen: Snapshot) -> bool:
    """Whether all wanted allocations run, of a job that has no deployment."""
    alive = [each for each in seen.allocations if each.status == "running"]
    return seen.evaluated and seen.desired > 0 and len(alive) == seen.desired


def completed(seen: Snapshot) -> bool:
    """Whether a batch job's allocations are done."""
    return seen.evaluated and bool(seen.allocations) and all(each.status == "complete" for each in seen.allocations)


async def rollout(
    deployer: Deployer, place: JobPlace, submission: Submission, *, until: Callable[[Snapshot], bool] = over
) -> Snapshot:
    """Look until `until` is true; TimeoutError after a while."""
    deployment_id = ""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            seen = await deployer.observe(place, submission, deployment_id=deployment_id)
            if until(seen):
                return seen
            if seen.deployment is not None:
                deployment_id = seen.deployment.deployment_id
            if seen.wait_index is not None:
                await deployer.wait_for_change(place, seen.wait_index, within=2)
            else:
                await anyio.sleep(0.1)


async def settled(deployer: Deployer, place: JobPlace) -> JobState:
    """The job once it was scheduled and no deployment of it is active: what a test starts from."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            state = await inspected(deployer, place)
            seen = await deployer.observe(place, Submission(index=state.index, evaluation_id=""))
            if seen.evaluated and (seen.deployment is None or over(seen)):
                return await inspected(deployer, place)
            await anyio.sleep(0.1)
