"""What nobody foresaw is an outage of its target: in words, tried again more and more rarely, traceback in the log."""

from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from app.domain.job import JobPatch, JobState, Submission
from app.domain.watch import JobPlace
from app.errors import Unforeseen
from app.services.rollout.follow import follow
from app.services.wakeup.wake import FOLLOW
from tests.fakes.deployer import UnusedDeployer
from tests.line import Line


class BrokenDeployer(UnusedDeployer):
    """A deployer with a bug in one method."""

    async def inspect(self, place: JobPlace) -> JobState | None:
        raise KeyError("JobModifyIndex")


async def test_a_bug_in_a_check_is_an_outage_of_its_target_and_ends_with_it(running: Line) -> None:
    await running.start()
    sound = running.reconciler
    running.reconciler = replace(sound, deployer=BrokenDeployer())
    with capture_logs() as logs:
        await running.push("app", "v1.1.0")
        await running.until(lambda: [each for each in logs if each["event"] == "target.failed"], "it is logged")

        async def outage() -> str:
            ((text,),) = [tuple(row) for row in await running.rows.fetch("SELECT outage FROM targets")]
            return str(text)

        await running.until(outage, "it is an outage of the target")
    assert "an unforeseen error: KeyError: 'JobModifyIndex'; report it with the traceback" in await outage()
    assert all(each["exc_info"] for each in logs if each["event"] == "target.failed")
    running.reconciler = sound
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    await running.quiet()
    assert await outage() == ""
    assert await running.outcomes() == ["succeeded"]


@pytest.mark.parametrize("job", ["ci/versions", "ci/summary", "x/allocations", "ci/periodic/force"])
async def test_a_job_whose_id_ends_like_an_endpoint_is_deployed(running: Line, job: str) -> None:
    first = await running.push("app", "v1.0.0", notify=False)
    running.job("app", f"@{first}", job=job)
    await running.configure(running.watch("app", job=job))
    await running.held("app", "up_to_date")
    digest = await running.push("app", "v1.1.0")
    await running.until(lambda: running.images(job), "v1.1.0 is registered")
    await running.quiet()
    assert running.images(job) == [f"team/app:v1.1.0@{digest}"]
    assert await running.outcomes() == ["succeeded"]


class BrokenFollowing(UnusedDeployer):
    """A deployer that cannot say how a rollout goes."""

    def __init__(self, sound: Line) -> None:
        self._sound = sound.reconciler.deployer

    async def inspect(self, place: JobPlace) -> JobState | None:
        return await self._sound.inspect(place)

    async def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        return await self._sound.submit(place, patch)


async def test_a_bug_while_a_rollout_is_followed_is_noted_on_it_and_it_is_followed_on(running: Line) -> None:
    await running.start()
    sound = running.follower
    running.follower = replace(sound, deployer=BrokenFollowing(running))

    async def tolerant(key: str) -> bool:
        """As the worker, which logs the error."""
        with suppress(Unforeseen):
            return await follow(running.follower, UUID(key))
        return True

    running.waker.steps = {**running.waker.steps, FOLLOW: tolerant}
    await running.push("app", "v1.1.0")

    async def noted() -> bool:
        rollouts = await running.rows.rollouts()
        return bool(rollouts) and "an unforeseen error" in rollouts[0]["note"]

    await running.until(noted, "the rollout says so")
    running.follower = sound
    await running.held("app", "up_to_date")
    await running.quiet()
    assert await running.outcomes() == ["succeeded"]
