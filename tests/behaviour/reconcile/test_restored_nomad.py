"""Nomad is restored from a snapshot that is older than our registration: that is nobody's change of the job."""

from app.simulators.nomad import Timing, restore_snapshot, save_snapshot
from tests.line import Line


async def test_what_the_rule_had_deployed_is_deployed_again(running: Line) -> None:
    await running.start()
    snapshot = save_snapshot(running.nomad)
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    restore_snapshot(running.nomad, snapshot)
    await running.make_due_and_wake()
    await running.until(lambda: len(running.images("app")) == 2, "it is registered again")
    await running.held("app", "up_to_date")
    assert running.images("app") == [f"team/app:v1.1.0@{second}"] * 2
    assert await running.rows.drifted_at() is None


async def test_a_hand_change_after_the_restore_is_drift(running: Line) -> None:
    await running.start()
    snapshot = save_snapshot(running.nomad)
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    restore_snapshot(running.nomad, snapshot, new_servers=True)
    await running.make_due_and_wake()
    await running.until(lambda: len(running.images("app")) == 2, "it is registered again")
    await running.held("app", "up_to_date")
    await running.quiet()
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.held("app", "drifted")


async def test_a_rollback_that_the_restore_lost_is_registered_again_by_the_same_rollout(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    (deployed,) = await running.rows.rollouts()
    running.nomad.set_timing(Timing(healthy=3600.0, progress_deadline=7200.0))
    snapshot = save_snapshot(running.nomad)
    rollout_id = await running.rollback(deployed["rollout_id"])
    await running.until(lambda: len(running.images("app")) == 2, "it is registered")
    running.nomad.set_timing(Timing())
    restore_snapshot(running.nomad, snapshot)
    assert (await running.outcome(rollout_id))[0] == "succeeded"
    # By the text that the job had before.
    assert running.images("app") == [f"team/app:v1.1.0@{second}", "team/app:v1.0.0", "team/app:v1.0.0"]
    assert await running.outcomes() == ["succeeded", "succeeded"]
