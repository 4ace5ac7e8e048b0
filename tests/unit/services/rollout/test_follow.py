"""A check of a rollout that goes on: what it asks Nomad for, what it stores, and when it is checked again."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.deployment import RunningSince
from app.domain.rollout import OutcomeKind
from app.services.rollout.wait_for_change import EXTENSION
from tests.unit.services.rollout.checks import (
    BEFORE,
    COURSE,
    DEPLOYING,
    DEPLOYMENT,
    ID,
    INDEX,
    NOW,
    ROLLOUT,
    RUNNING,
    SEEN,
    SUBMISSION,
    WITHOUT,
    a_check,
)


async def test_a_rollout_that_is_not_due_or_leased_is_left_alone() -> None:
    async with a_check(None) as check:
        assert await check.run() is False
        assert (check.rollouts.calls, check.deployer.asked) == ([], [])


async def test_a_rollout_that_goes_on_is_stored_and_checked_again() -> None:
    async with a_check() as check:
        assert await check.run() is True
        pause = check.rollouts.pause
        assert (pause.seconds, pause.note) == (2.0, "1 of 2 allocations are healthy")
        assert pause.progress == DEPLOYING.progress
        assert (pause.deployment, pause.running_since) == (DEPLOYMENT, {})
        assert check.deployer.asked == [("observe", SUBMISSION, "d")]
        assert (check.wakes, check.delays) == ([("follow", str(ID))], [2.0])


async def test_a_rollout_with_a_wait_index_is_waited_for() -> None:
    async with a_check(snapshot=replace(DEPLOYING, wait_index=INDEX)) as check:
        await check.run()
        await asyncio.sleep(0)
        assert check.rollouts.pause.seconds == EXTENSION
        assert check.wakes == []
        assert check.deployer.asked[-1] == ("wait_for_change", INDEX, pytest.approx(300.05))


async def test_a_wait_that_is_nearly_over_is_not_begun() -> None:
    """The check that is due next is woken itself."""
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=899.99))
    async with a_check(replace(ROLLOUT, course=course), snapshot=replace(DEPLOYING, wait_index=INDEX)) as check:
        await check.run()
        assert check.wakes == [("follow", str(ID))]
        assert check.rollouts.pause.seconds == pytest.approx(0.1)


async def test_canaries_that_begin_to_wait_for_a_person_are_notified() -> None:
    async with a_check() as check:
        check.rollouts.notifications = (4, 5)
        await check.run()
        assert check.wakes[1:] == [("notify", "4"), ("notify", "5")]


async def test_a_job_without_deployments_is_judged_by_when_each_allocation_was_first_seen() -> None:
    course = replace(COURSE, running_since={"a": SEEN})
    async with a_check(replace(ROLLOUT, course=course), snapshot=replace(WITHOUT, allocations=(RUNNING,))) as check:
        await check.run()
        assert check.rollouts.pause.running_since == {"a": SEEN}
    async with a_check(snapshot=replace(WITHOUT, allocations=(RUNNING,))) as check:
        await check.run()
        assert check.rollouts.pause.running_since == {"a": RunningSince(started=5.0, at=NOW)}


async def test_an_allocation_that_restarted_since_has_not_proved_itself() -> None:
    course = replace(COURSE, running_since={"a": replace(SEEN, started=1.0, at=BEFORE)})
    once = replace(WITHOUT, desired=1, allocations=(RUNNING,))
    async with a_check(replace(ROLLOUT, course=course), snapshot=once) as check:
        await check.run()
        assert check.rollouts.names == ["wait"]
    proved = replace(COURSE, running_since={"a": replace(SEEN, at=BEFORE)})
    async with a_check(replace(ROLLOUT, course=proved), snapshot=once) as check:
        await check.run()
        assert check.end[0].kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize(("progress", "ends"), [(DEPLOYING.progress, True), ("another", False)])
async def test_progress_restarts_the_stall_timer(progress: str, ends: bool) -> None:
    course = replace(COURSE, progressed_at=NOW - timedelta(seconds=901))
    async with a_check(replace(ROLLOUT, course=course, progress=progress)) as check:
        await check.run()
        assert ("end" in check.rollouts.names) is ends
