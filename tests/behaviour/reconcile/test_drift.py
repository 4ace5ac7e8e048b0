"""Drift: changes of the job by people and machines. Which ones hold the watch, and what ends the hold."""

import time

from app.simulators.nomad import Fate, Simulator, sample_job
from tests.faults.random_faults import Chances
from tests.line import Line, line


async def _drifted(running: Line) -> None:
    """Our rollout of v1.1.0, then somebody changes the image back to v1.0.0."""
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.held("app", "drifted")


async def test_drift_is_left_alone(running: Line) -> None:
    await _drifted(running)
    for _ in range(3):
        await running.poll()
        await running.make_due_and_wake()
        await running.quiet()
    assert len(running.images("app")) == 1
    assert len(await running.notifications("held")) == 1


async def test_a_newer_push_ends_the_hold_for_drift(running: Line) -> None:
    await _drifted(running)
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")


async def test_a_newer_digest_found_by_polling_ends_the_hold_for_drift(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    running.change_outside("app", ":v1.0.0")
    third = await running.push("app", "v1.2.0", notify=False)
    await running.poll()
    await running.deployed("app", f"team/app:v1.2.0@{third}")


async def test_pushing_the_same_digest_again_keeps_the_hold_for_drift(running: Line) -> None:
    await _drifted(running)
    await running.push("app", "v1.1.0")
    await running.push("app", "v1.0.0")
    await running.quiet()
    assert (await running.hold("app"))[0] == "drifted"
    assert len(running.images("app")) == 1


async def test_a_command_ends_the_hold_for_drift(running: Line) -> None:
    await _drifted(running)
    assert (await running.outcome(await running.deploy("app", "")))[0] == "succeeded"
    assert running.images("app")[0] == running.images("app")[1]


async def test_switching_auto_deploy_on_ends_the_hold_for_drift(running: Line) -> None:
    await _drifted(running)
    await running.switch("app", on=False)
    await running.switch("app", on=True)
    await running.until(lambda: len(running.images("app")) == 2, "v1.1.0 is deployed again")
    await running.quiet()


async def test_drift_to_the_desired_image_is_up_to_date(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.switch("app", on=False)
    await running.push("app", "v1.2.0")
    await running.held("app", "auto_deploy_off")
    running.change_outside("app", ":v1.2.0")
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    await running.switch("app", on=True)
    fourth = await running.push("app", "v1.3.0")
    await running.deployed("app", f"team/app:v1.3.0@{fourth}")


async def test_a_slow_nomad_clock_does_not_hide_drift(database_url: str) -> None:
    async with line(database_url, nomad=Simulator(clock=lambda: time.time() - 600)) as running:
        await _drifted(running)
        await running.make_due_and_wake()
        await running.quiet()
        assert len(running.images("app")) == 1


async def test_a_count_changed_by_an_autoscaler_is_no_drift(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    running.nomad.scale("app", count=3)
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")


async def test_nomads_auto_revert_is_no_drift(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", auto_revert=True)
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    assert await running.rows.drifted_at() is None
    assert "rolling back to job version" in (await running.notifications("failed"))[0]
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")


async def test_the_release_of_a_podman_job_is_known_after_nomads_revert(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", driver="podman", auto_revert=True)
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app@{second}")
    third = await running.push("app", "v1.2.0", notify=False)
    running.nomad.judge(third, Fate.EXITS_NONZERO)
    await running.deliver("team/app", "v1.2.0", third)
    await running.held("app", "failed_before")
    running.registry.delete_tag("team/app", "v1.2.0")
    running.registry.delete_tag("team/app", "v1.1.0")
    await running.poll()
    assert "downgrade from v1.1.0" in await running.held("app", "downgrade")


async def test_a_change_between_our_read_and_our_write_is_not_overwritten(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    running.nomad_answers(500, method="POST", text="Enforcing job modify index 7: job exists with conflicting index: 9")
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")
    assert await running.outcomes() == ["succeeded", "succeeded"]


async def test_a_count_that_changes_just_before_our_write_is_kept(running: Line) -> None:
    """After our plan, when nothing but Nomad's own check can refuse the registration."""
    await running.start()
    scaled = iter([3])

    def scale(method: str, path: str) -> None:
        if method == "POST" and path == "/v1/job/app" and (count := next(scaled, 0)):
            running.nomad.scale("app", count=count)

    running.nomad.faults = Chances(meanwhile=scale)
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert next(scaled, 0) == 0, "it was scaled"
    assert running.nomad.job("app")["TaskGroups"][0]["Count"] == 3


async def test_a_change_of_a_task_that_our_rollout_did_not_change_is_drift(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    second = await running.push("app", "v1.1.0", notify=False)
    job = sample_job("app", f"{running.host}/team/app:v1.0.0")
    job["TaskGroups"] += sample_job("app", f"{running.host}/team/app:v1.1.0@{second}", group="two")["TaskGroups"]
    running.nomad.seed(job)
    await running.configure(running.watch("app"))
    await running.until(lambda: len(running.images("app")) == 1, "the lagging group is brought up")
    await running.held("app", "up_to_date")
    image = f"{running.host}/team/app:v1.0.0"
    running.nomad.set_image("app", group="two", task="server", image=image)
    await running.make_due_and_wake()
    await running.held("app", "drifted")
    assert len(running.images("app")) == 1
