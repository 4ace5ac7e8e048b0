"""A check that ends its rollout, or has it registered again: with which outcome and diagnosis, and who is woken."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.domain.deployment import DeploymentPhase, Diagnosis
from app.domain.rollout import Outcome, OutcomeKind
from app.errors import NomadDenied, NomadUnavailable
from app.services.rollout.rollouts import Ended
from tests.unit.services.rollout.checks import (
    COURSE,
    DEPLOYING,
    DEPLOYMENT,
    DIAGNOSIS,
    FAILED,
    ID,
    NOW,
    ROLLOUT,
    a_check,
)


async def test_a_stall_is_diagnosed_and_not_undone() -> None:
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=901))
    async with a_check(replace(ROLLOUT, course=course)) as check:
        await check.run()
        outcome, diagnosis, undo = check.end
        assert (outcome.kind, diagnosis, undo) == (OutcomeKind.STALLED, DIAGNOSIS, False)
        assert outcome.cause == "exited with code 3"


async def test_a_success_ends_it_and_wakes_whom_that_concerns() -> None:
    done = replace(DEPLOYING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.SUCCESSFUL))
    async with a_check(snapshot=done) as check:
        check.rollouts.ended = Ended(due=(1, 2), notification_delivery_ids=(3,))
        with capture_logs() as logs:
            await check.run()
        assert check.end == (Outcome(kind=OutcomeKind.SUCCEEDED, reason="words"), None, False)
        assert check.wakes == [("reconcile", "1"), ("reconcile", "2"), ("notify", "3")]
        named = {"rollout": str(ID), "what": ["team/app:v1.1.0"]}
        assert logs == [
            {"event": "rollout.ended", "log_level": "info", "outcome": "succeeded", "reason": "words", **named}
        ]


@pytest.mark.parametrize(("completes", "undo"), [(False, True), (True, False)])
async def test_a_failure_is_diagnosed_and_undone(completes: bool, undo: bool) -> None:
    async with a_check(snapshot=replace(FAILED, completes=completes)) as check:
        await check.run()
        outcome, diagnosis, undone = check.end
        assert (outcome.kind, outcome.cause) == (OutcomeKind.FAILED, "exited with code 3")
        assert (diagnosis, undone) == (DIAGNOSIS, undo)


@pytest.mark.parametrize("error", [NomadUnavailable("Nomad is away"), NomadDenied("no permission")])
async def test_a_failure_ends_without_its_diagnosis_too(error: Exception) -> None:
    async with a_check(snapshot=FAILED, diagnosis=error) as check:
        await check.run()
        outcome, diagnosis, undone = check.end
        assert (outcome.kind, outcome.reason, diagnosis, undone) == (OutcomeKind.FAILED, "words", Diagnosis(), True)


LOST = replace(DEPLOYING, index=8, deployment=None)
WORDS = "Nomad does not have this registration: it made index 9, and the job is at 8; "


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 0.5), (3, 4.0)])
async def test_a_registration_that_nomad_does_not_have_is_made_again(attempts: int, seconds: float) -> None:
    async with a_check(replace(ROLLOUT, attempts=attempts), snapshot=LOST) as check:
        with capture_logs() as logs:
            await check.run()
        ((name, note, later),) = check.rollouts.calls
        assert (name, note.startswith(WORDS), later) == ("register_again", True, seconds)
        assert (check.wakes, check.delays) == ([("reconcile", "1")], [seconds])
        assert [each["event"] for each in logs] == ["rollout.registration_lost"]


async def test_a_lost_registration_is_left_to_whoever_has_the_lease() -> None:
    async with a_check(snapshot=LOST) as check:
        check.rollouts.lost = True
        await check.run()
        assert check.wakes == []
