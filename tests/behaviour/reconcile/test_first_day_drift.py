"""Drift of a watch that we never rolled out: the first check counts as our last rollout would."""

from app.adapters.postgres.views.board import PostgresBoard
from app.domain.timeline import EntryKind
from app.services.views.board import TimelineQuery
from app.simulators.nomad import Fate, Timing
from tests.line import Line


async def _changed_outside(running: Line) -> list[str]:
    """The messages of the timeline about changes outside, oldest first."""
    query = TimelineQuery(watch="app", kinds=frozenset({EntryKind.DRIFT}))
    entries = await PostgresBoard(running.database).entries(query, limit=99)
    return [entry.message for entry in reversed(entries)]


async def _checked(running: Line) -> None:
    await running.make_due_and_wake()
    await running.quiet()


async def _rolled_back_by_hand(running: Line) -> None:
    """v1.1.0 runs at the first check; then somebody changes it to v1.0.0 in Nomad."""
    await running.push("app", "v1.0.0", notify=False)
    await running.start(tag="v1.1.0")
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    assert "somebody changed the image in the job from v1.1.0 to v1.0.0" in await running.held("app", "drifted")


async def test_a_rollback_by_hand_on_the_first_day_is_not_undone(running: Line) -> None:
    await _rolled_back_by_hand(running)
    for _ in range(3):
        await running.poll()
        await _checked(running)
    assert (await running.hold("app"))[0] == "drifted"
    assert running.images("app") == []
    assert await _changed_outside(running) == ["the image was changed outside, from v1.1.0 to v1.0.0"]
    assert len(await running.notifications("held")) == 1


async def test_a_newer_release_ends_the_hold_of_the_first_day(running: Line) -> None:
    await _rolled_back_by_hand(running)
    digest = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{digest}")


async def test_a_change_by_hand_while_the_first_update_was_held_is_drift(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    await running.push("app", "v1.1.0", notify=False)
    running.job("app", ":v1.0.0")
    await running.pause()
    await running.configure(running.watch("app"))
    await running.held("app", "paused")
    running.change_outside("app", ":v0.9.0")
    await _checked(running)
    await running.pause(paused=False)
    assert "from v1.0.0 to v0.9.0" in await running.held("app", "drifted")
    assert running.images("app") == []


async def test_each_change_outside_is_an_entry_and_ours_are_none(running: Line) -> None:
    await _rolled_back_by_hand(running)
    running.change_outside("app", ":v0.9.0")
    await _checked(running)
    await running.deploy("app", "v1.1.0")
    await running.quiet()
    await _checked(running)
    assert await _changed_outside(running) == [
        "the image was changed outside, from v1.1.0 to v1.0.0",
        "the image was changed outside, from v1.0.0 to v0.9.0",
    ]


async def test_a_change_to_the_desired_image_is_up_to_date_and_one_away_from_it_is_drift(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    await running.push("app", "v1.1.0")
    await running.held("app", "auto_deploy_off")
    running.change_outside("app", ":v1.1.0")
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    await running.switch("app", on=True)
    await running.quiet()
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.held("app", "drifted")
    assert running.images("app") == []
    assert len(await _changed_outside(running)) == 2


async def test_a_job_that_was_created_anew_is_checked_for_the_first_time(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    running.nomad.stop("app", purge=True)
    running.job("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.until(lambda: len(running.images("app")) == 2, "the rule deploys v1.1.0 to the new job")
    await running.held("app", "up_to_date")
    await running.quiet()
    running.nomad.stop("app", purge=True)
    running.job("app", ":v1.1.0")
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    await running.quiet()
    assert await _changed_outside(running) == []
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.held("app", "drifted")
    assert len(running.images("app")) == 2


async def test_nomads_revert_of_somebody_elses_deployment_is_no_drift(running: Line) -> None:
    """Their deployment is under way at the first check; it fails, and Nomad reverts the job."""
    await running.push("app", "v1.0.0", notify=False)
    await running.push("app", "v1.1.0", notify=False)
    running.job("app", ":v1.0.0", auto_revert=True)
    await running.until(lambda: running.nomad.job("app")["Stable"], "v1.0.0 is stable")
    running.nomad.set_timing(Timing(start=3600))
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    running.change_outside("app", ":v1.1.0")
    await running.configure(running.watch("app"))
    await running.held("app", "busy")
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.until(lambda: running.nomad.job("app")["Version"] == 2, "Nomad reverted the job")
    await running.until(lambda: running.images("app"), "the rule deploys v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    assert "drifted" not in {reason for _, _, reason in await running.rows.decisions()}
    assert await _changed_outside(running) == []


async def test_correcting_an_image_that_could_not_be_followed_is_no_drift(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    await running.push("app", "v1.1.0", notify=False)
    running.job("app", ":v1.0.0", path="team/other")
    await running.configure(running.watch("app"))
    await running.held("app", "unusable")
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.until(lambda: running.images("app"), "the rule deploys v1.1.0")
    await running.held("app", "up_to_date")
    assert await _changed_outside(running) == []
