"""A digest that failed here is not tried again by itself. An error that is no verdict of Nomad is retried, with one
notification."""

from dataclasses import replace
from typing import Any

import pytest

from app.simulators.nomad import Fate, Timing
from tests.default_settings import PATIENCE_DEFAULTS
from tests.line import Line, line


async def _failed(running: Line, **fields: Any) -> str:
    """v1.0.0 runs, v1.1.0 is pushed and fails; returns the digest of v1.1.0."""
    await running.start(**fields)
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    second = await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    return second


async def test_a_failed_digest_is_not_tried_again(running: Line) -> None:
    second = await _failed(running)
    await running.push("app", "v1.1.0")
    await running.push("app", "v1.0.5")
    await running.switch("app", on=False)
    await running.switch("app", on=True)
    await running.poll()
    await running.quiet()
    assert (await running.hold("app"))[0] == "failed_before"
    assert running.images("app").count(f"team/app:v1.1.0@{second}") == 1
    (notification,) = await running.notifications("failed")
    assert "exited with code 3" in notification


async def test_a_newer_release_is_tried_after_a_failure(running: Line) -> None:
    await _failed(running)
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")


async def test_the_same_tag_with_a_new_digest_is_tried_after_a_failure(running: Line) -> None:
    await _failed(running)
    running.nomad.pardon()
    fixed = await running.push("app", "v1.1.0", "mended")
    await running.deployed("app", f"team/app:v1.1.0@{fixed}")


@pytest.mark.parametrize("way", ["deploy", "reset"])
async def test_a_command_releases_a_failed_digest(running: Line, way: str) -> None:
    second = await _failed(running, revert_on_failure=False)
    running.nomad.pardon()
    requested = await (running.deploy("app", "") if way == "deploy" else running.reset("app"))
    assert (await running.outcome(requested))[0] == "succeeded"
    assert running.images("app") == [f"team/app:v1.1.0@{second}"] * 2
    assert running.markers("app") == [False, True]
    assert await running.held("app", "up_to_date") == "v1.1.0 runs"


async def test_a_recreated_job_forgets_its_failures(running: Line) -> None:
    second = await _failed(running)
    running.nomad.stop("app", purge=True)
    running.nomad.pardon()
    running.job("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.held("app", "up_to_date")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "Permission denied"),
        (500, "No cluster leader"),
        (400, "1 error occurred:\n\t* group needs a task\n"),
        (429, ""),
    ],
)
async def test_a_refused_registration_backs_off_with_one_notification(running: Line, status: int, text: str) -> None:
    await running.start()
    running.nomad_answers(status, method="POST", times=1000, text=text)
    second = await running.push("app", "v1.1.0")

    async def notification() -> bool:
        return len(await running.notifications("outage")) == 1

    await running.until(notification, "people are told")
    for _ in range(4):
        await running.let_pass(400)
        await running.quiet_for_now()
    assert len(await running.notifications("outage")) == 1
    outage, since = await running.rows.target_outage()
    assert outage != ""
    assert since is not None
    await running.let_pass(400)
    await running.quiet_for_now()
    _, earlier = await running.rows.target_outage()
    assert earlier is not None
    assert earlier < since
    assert not await running.rows.has_failures()
    running.nomad.faults.clear()
    await running.let_pass(400)
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert (await running.rows.target_outage())[0] == ""


async def test_an_outage_whose_message_changes_is_notified_one_time(running: Line) -> None:
    await running.start()
    for number in range(6):
        running.nomad_answers(500, method="GET", text=f"rpc error number {number}")
    await running.make_due_and_wake()
    for _ in range(8):
        await running.let_pass(400)
        await running.quiet_for_now()
    await running.quiet()
    assert len(await running.notifications("outage")) == 1


async def test_an_outage_is_notified_although_new_events_keep_coming(running: Line) -> None:
    await running.start()
    running.nomad_answers(500, times=1000)
    for minor in range(1, 9):
        last = await running.push("app", f"v1.{minor}.0")
        await running.quiet_for_now()
        await running.rows.age_target_outage()
    assert len(await running.notifications("outage")) == 1
    running.nomad.faults.clear()
    await running.deployed("app", f"team/app:v1.8.0@{last}")


async def test_a_registration_with_a_lost_answer_is_read_back(running: Line) -> None:
    await running.start()
    running.nomad_loses_answers(times=1)
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert len(running.images("app")) == 1


async def test_a_rollout_that_cannot_be_placed_is_stalled_and_not_failed(database_url: str) -> None:
    async with line(database_url, patience=replace(PATIENCE_DEFAULTS, stall_after=0.3, grace=0.1)) as running:
        await running.start()
        running.nomad.set_timing(Timing(progress_deadline=3600))
        running.nomad.judge("v1.1.0", Fate.UNPLACEABLE)
        await running.push("app", "v1.1.0")

        async def ended() -> bool:
            return await running.outcomes() == ["stalled"]

        await running.until(ended, "the rollout is given up")
        (notification,) = await running.notifications("ended")
        assert "cannot be placed" in notification
        assert not await running.rows.has_failures()
        third = await running.push("app", "v1.2.0")
        await running.deployed("app", f"team/app:v1.2.0@{third}")
