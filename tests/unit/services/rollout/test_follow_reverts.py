"""A check that finds another version than ours: a revert of Nomad, our patch in somebody else's job, or neither."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.deployment import DeploymentPhase
from app.domain.job import Submission
from app.domain.rollout import OutcomeKind, Returning
from tests.unit.services.rollout.checks import (
    COURSE,
    DEPLOYING,
    DEPLOYMENT,
    DIAGNOSIS,
    FAILED,
    ID,
    NOW,
    PATCH,
    REVERTED,
    ROLLOUT,
    SUBMISSION,
    a_check,
)


@pytest.mark.parametrize(("waited", "waits"), [(59.9, True), (60.0, False)])
async def test_nomads_own_revert_is_waited_for(waited: float, waits: bool) -> None:
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=waited))
    async with a_check(replace(ROLLOUT, course=course, progress=REVERTED.progress), snapshot=REVERTED) as check:
        await check.run()
        if waits:
            assert (check.rollouts.pause.seconds, check.rollouts.pause.note) == (0.5, "Nomad reverts to version 3")
            assert check.rollouts.names == ["wait"]
        else:
            assert check.rollouts.names == ["end"]
            assert check.end[2] is False  # Nomad goes back by itself, however late


async def test_nomads_own_revert_is_followed() -> None:
    back = Submission(index=10, evaluation_id="b")
    async with a_check(snapshot=REVERTED, back=back) as check:
        await check.run()
        ((name, returning, diagnosis),) = check.rollouts.calls
        assert (name, diagnosis) == ("follow_revert", DIAGNOSIS)
        assert returning == Returning(
            submission=back, version=3, reason="exited with code 3; words", cause="exited with code 3"
        )
        assert check.wakes == [("follow", str(ID))]


async def test_a_revert_that_is_followed_ends_it_without_another_undo() -> None:
    back = Submission(index=10, evaluation_id="b")
    course = replace(COURSE, returning=Returning(submission=back, version=3, reason="it crashed"))
    async with a_check(replace(ROLLOUT, course=course), snapshot=replace(FAILED, index=10)) as check:
        await check.run()
        outcome, diagnosis, undo = check.end
        assert (outcome.kind, diagnosis, undo) == (OutcomeKind.FAILED, None, False)
        assert check.deployer.asked == [("observe", back, "d")]


REPLACED = replace(DEPLOYING, index=12, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.REPLACED))


async def test_a_version_that_carries_our_patch_is_followed() -> None:
    successor = Submission(index=12, evaluation_id="s")
    async with a_check(snapshot=REPLACED, successor=successor) as check:
        await check.run()
        assert check.rollouts.calls == [("follow_successor", successor)]
        assert check.deployer.asked[-1] == ("find_successor", SUBMISSION, PATCH)
        assert check.wakes == [("follow", str(ID))]


async def test_a_version_without_our_patch_supersedes_it() -> None:
    async with a_check(snapshot=REPLACED) as check:
        await check.run()
        assert check.end[0].kind is OutcomeKind.SUPERSEDED
    returning = replace(COURSE, returning=Returning(submission=SUBMISSION, version=3, reason="it crashed"))
    for leased in (replace(ROLLOUT, patch=None), replace(ROLLOUT, course=returning)):
        async with a_check(leased, snapshot=REPLACED) as check:
            await check.run()
            assert check.rollouts.names == ["end"]
            assert [call[0] for call in check.deployer.asked] == ["observe"]


async def test_a_rollout_that_was_stopped_looks_for_no_successor() -> None:
    stopped = replace(DEPLOYING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.STOPPED))
    async with a_check(snapshot=stopped, successor=SUBMISSION) as check:
        await check.run()
        assert check.end[0].kind is OutcomeKind.STOPPED
