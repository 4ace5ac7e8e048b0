"""Desired, specified and running are three things: what a watch shows when Nomad does not do what the job says."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.adapters.postgres.views.queries import PostgresQueries
from app.services.views.queries import WatchView
from app.simulators.nomad.timing import Fate, Timing
from tests.default_settings import PATIENCE_DEFAULTS
from tests.line import Line, line


@pytest.fixture
async def impatient(database_url: str) -> AsyncIterator[Line]:
    """A line that gives a rollout up after 0.3 s without progress; Nomad waits longer."""
    async with line(database_url, patience=replace(PATIENCE_DEFAULTS, stall_after=0.3, grace=0.1)) as opened:
        await opened.start()
        opened.nomad.set_timing(Timing(progress_deadline=3600))
        yield opened


async def view(running: Line) -> WatchView:
    shown = await PostgresQueries(running.database).watch("app")
    assert shown is not None
    return shown


async def runs(running: Line) -> dict[str, int]:
    """The number of running allocations by tag."""
    return {each.tag: each.running for each in (await view(running)).running}


async def test_an_image_that_cannot_be_placed_is_stalled_until_it_runs(impatient: Line) -> None:
    impatient.nomad.judge("v1.1.0", Fate.UNPLACEABLE, "memory")
    digest = await impatient.push("app", "v1.1.0")
    message = await impatient.held("app", "stalled")
    assert message.startswith("0 of 1 allocations run v1.1.0: group app: 1 allocation cannot be placed")
    assert "memory" in message
    assert await impatient.outcomes() == ["stalled"]
    shown = await view(impatient)
    assert [each.tag for each in shown.specified] == ["v1.1.0"]
    assert [(each.tag, each.running) for each in shown.running] == [("v1.0.0", 1)]
    assert (shown.allocation_count, shown.desired_digest) == (1, digest)
    # Nobody does anything in registrywatcher: it is looked at again, and turns.
    impatient.nomad.pardon("v1.1.0")
    await impatient.let_pass(20.0)
    assert await impatient.held("app", "up_to_date") == "v1.1.0 runs"
    assert await runs(impatient) == {"v1.1.0": 1}


async def test_a_job_scaled_to_nothing_runs_nothing_and_is_up_to_date(running: Line) -> None:
    await running.start()
    running.nomad.scale("app", count=0)
    await running.make_due_and_wake()

    async def nothing() -> bool:
        return (await view(running)).allocation_count == 0 and not (await view(running)).running

    await running.until(nothing, "nothing runs")
    assert await running.held("app", "up_to_date") == "v1.0.0 is specified; no allocation should run"


async def test_a_scaled_job_whose_new_allocations_have_no_place_is_stalled(impatient: Line) -> None:
    impatient.nomad.judge("v1.0.0", Fate.UNPLACEABLE, "memory")
    impatient.nomad.scale("app", count=3)
    await impatient.make_due_and_wake()
    await impatient.let_pass(20.0)
    message = await impatient.held("app", "busy")
    assert "Nomad deployment" in message
    assert (await runs(impatient), (await view(impatient)).allocation_count) == ({"v1.0.0": 1}, 3)


@pytest.mark.parametrize("purge", [False, True])
async def test_a_job_that_was_stopped_or_purged_runs_nothing(running: Line, purge: bool) -> None:
    await running.start()
    running.nomad.stop("app", purge=purge)
    await running.make_due_and_wake()
    await running.held("app", "unusable")
    shown = await view(running)
    assert (shown.running, shown.allocation_count) == ((), 0)
    assert [each.tag for each in shown.specified] == ([] if purge else ["v1.0.0"])


async def test_a_failure_that_was_not_undone_shows_what_still_runs(running: Line) -> None:
    await running.start(revert_on_failure=False)
    running.nomad.scale("app", count=2)
    running.nomad.judge("v1.1.0", Fate.PULL_FAILS)
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")

    async def one_is_left() -> bool:
        return await runs(running) == {"v1.0.0": 1}

    await running.until(one_is_left, "one allocation of the old version still runs")
    assert [each.tag for each in (await view(running)).specified] == ["v1.1.0"]
