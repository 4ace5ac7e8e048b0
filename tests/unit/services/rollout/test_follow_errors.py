"""A check that fails: an error never ends a rollout, and is noted on it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import NomadDenied, NomadUnavailable, StoreUnavailable, Unforeseen
from tests.unit.services.rollout.checks import COURSE, NOW, ROLLOUT, SEEN, a_check


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NomadUnavailable("Nomad is away"), 2.0),
        (NomadUnavailable("Nomad is away", retry_after=9.0), 9.0),
        (NomadUnavailable("Nomad is away", retry_after=1.0), 2.0),
        (NomadDenied("no permission"), 2.0),
    ],
)
async def test_an_error_of_nomad_never_ends_it(error: Exception, seconds: float) -> None:
    running = {"a": SEEN}
    leased = replace(ROLLOUT, course=replace(COURSE, running_since=running), progress="before")
    async with a_check(leased, snapshot=error) as check:
        assert await check.run()
        pause = check.rollouts.pause
        assert (pause.seconds, pause.note, pause.progress) == (seconds, str(error), "before")
        assert (pause.deployment, pause.running_since) == (None, running)
        assert check.delays == [seconds]


@pytest.mark.parametrize(("age", "seconds"), [(5, 2.0), (100, 10.0), (9000, 60.0)])
async def test_an_error_of_ours_is_noted_and_reported(age: int, seconds: float) -> None:
    leased = replace(ROLLOUT, course=replace(COURSE, started_at=NOW - timedelta(seconds=age)))
    for error in (ValueError("a fault"), asyncio.CancelledError("a fault")):
        async with a_check(leased, snapshot=error) as check:
            with pytest.raises(Unforeseen, match="a fault"):
                await check.run()
            assert check.rollouts.pause.seconds == seconds
            assert "a fault" in check.rollouts.pause.note


async def test_an_outage_of_postgres_is_the_callers() -> None:
    async with a_check(snapshot=StoreUnavailable("Postgres is away")) as check:
        with pytest.raises(StoreUnavailable):
            await check.run()
        assert check.rollouts.calls == []


async def test_a_check_that_is_cancelled_writes_nothing() -> None:
    async with a_check(hangs=True) as check:
        running = asyncio.create_task(check.run())
        await check.deployer.observed.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert check.rollouts.calls == []
