"""A check of a rollout with canaries: promoted after their soak time, or as a person commands."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from app.errors import JobRejected, NomadUnavailable
from app.services.rollout.rollouts import CanaryCommand
from tests.unit.services.rollout.checks import COURSE, DEPLOYING, DEPLOYMENT, ID, INDEX, ROLLOUT, a_check

SOAKED = replace(COURSE, promote_after=10.0)
CANARIES = replace(DEPLOYING, deployment=replace(DEPLOYMENT, desired=4, healthy=2, canaries=2, awaits_promotion=True))


async def test_canaries_are_promoted_after_their_soak_time() -> None:
    leased = replace(ROLLOUT, course=SOAKED, progress=CANARIES.progress)
    async with a_check(leased, snapshot=replace(CANARIES, wait_index=INDEX)) as check:
        await check.run()
        assert check.deployer.asked[1:] == [("promote", "d")]
        assert (check.rollouts.pause.seconds, check.rollouts.pause.note) == (0.1, "its canaries were promoted")
        assert (check.wakes, check.delays) == ([("follow", str(ID))], [0.1])


@pytest.mark.parametrize(("command", "name"), [(CanaryCommand.PROMOTE, "promote"), (CanaryCommand.FAIL, "fail")])
async def test_a_persons_command_for_the_canaries_is_applied_once(command: CanaryCommand, name: str) -> None:
    async with a_check(replace(ROLLOUT, canary_command=command), snapshot=CANARIES) as check:
        with capture_logs() as logs:
            await check.run()
        assert check.deployer.asked[0] == (name, "d")
        assert check.rollouts.names == ["canary_command_done", "wait"]
        assert [each["event"] for each in logs] == ["canary_command.applied"]


async def test_a_command_that_nomad_refuses_is_not_tried_again() -> None:
    leased = replace(ROLLOUT, canary_command=CanaryCommand.PROMOTE)
    async with a_check(leased, snapshot=CANARIES, refused=JobRejected("nothing to promote")) as check:
        with capture_logs() as logs:
            await check.run()
        assert check.rollouts.names == ["canary_command_done", "wait"]
        assert [each["event"] for each in logs] == ["canary_command.refused"]


async def test_a_command_waits_for_nomad() -> None:
    leased = replace(ROLLOUT, canary_command=CanaryCommand.PROMOTE)
    async with a_check(leased, refused=NomadUnavailable("Nomad is away")) as check:
        await check.run()
        assert check.rollouts.names == ["wait"]
    async with a_check(replace(leased, deployment_id="")) as check:
        await check.run()
        assert check.rollouts.names == ["wait"]
        assert [call[0] for call in check.deployer.asked] == ["observe"]
