"""A failure is undone: by Nomad's own revert, which is followed to its end, or by our undo rollout."""

from typing import Any

import pytest

from app.domain.watch import DeployBy
from app.simulators.nomad import Fate, Timing
from tests.line import Line


async def _failed(running: Line, **fields: Any) -> tuple[str, str]:
    """v1.0.0 runs, v1.1.0 is pushed and fails. Returns their digests, once everything is quiet."""
    first = await running.start(**fields)
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO, "no such table: users")
    second = await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    return first, second


async def test_an_undo_deploys_the_previous_image(running: Line) -> None:
    _, second = await _failed(running)
    assert running.images("app") == [f"team/app:v1.1.0@{second}", "team/app:v1.0.0"]
    assert await running.outcomes() == ["failed", "succeeded"]
    (told,) = await running.notifications("failed")
    assert "restoring app v1.0.0" in told
    assert "no such table: users" in told
    await running.poll()
    await running.quiet()
    assert (await running.hold("app"))[0] == "failed_before"
    assert len(running.images("app")) == 2


async def test_a_diagnosis_after_the_verdict_is_notified_too(running: Line) -> None:
    """A progress deadline passes before the allocation is found unhealthy, so the cause is read afterwards."""
    await running.start()
    running.nomad.set_timing(Timing(healthy_deadline=3600, progress_deadline=0.3))
    running.nomad.judge("v1.1.0", Fate.NEVER_HEALTHY)
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    (notification,) = await running.notifications("failed")
    assert "Failed due to progress deadline" in notification
    assert notification.count("it runs, but has not become healthy (app/server)") == 1


async def test_the_next_release_is_deployed_after_an_undo(running: Line) -> None:
    await _failed(running)
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")


async def test_undo_can_be_switched_off_for_a_watch(running: Line) -> None:
    _, second = await _failed(running, revert_on_failure=False)
    assert running.images("app") == [f"team/app:v1.1.0@{second}"]
    assert "going back" not in (await running.notifications("failed"))[0]


async def _on_stable(running: Line, **fields: Any) -> str:
    """The watch is pinned to `stable` and runs it; returns its digest."""
    await running.start(**fields)
    digest = await running.push("app", "stable", notify=False)
    await running.deploy("app", "stable")
    await running.quiet()
    return digest


async def test_an_undo_of_a_moved_tag_deploys_its_previous_digest(running: Line) -> None:
    """d1 → d2 under one tag: the tag shows d2, and d1 is the good digest."""
    first = await _on_stable(running)
    moved = await running.push("app", "stable", "broken", notify=False)
    running.nomad.judge(moved, Fate.EXITS_NONZERO)
    await running.deliver("team/app", "stable", moved)
    await running.held("app", "failed_before")
    await running.quiet()
    assert running.images("app")[-1] == f"team/app:stable@{first}"


async def test_an_undo_of_a_watch_by_tag_is_by_digest(running: Line) -> None:
    first = await _on_stable(running, deploy_by=DeployBy.TAG)
    running.nomad.judge("stable", Fate.EXITS_NONZERO)
    await running.push("app", "stable", "broken")
    await running.held("app", "failed_before")
    await running.quiet()
    assert running.images("app")[-1] == f"team/app:stable@{first}"


async def test_an_undo_does_not_overwrite_a_foreign_registration(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(Timing(start=3600))
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app"), "v1.1.0 is registered")
    # The other registration comes between Nomad's verdict and our undo: both happen before the next reconcile.
    await running.rows.lease_to_another()
    running.nomad.skip(3600)

    async def requested() -> bool:
        return await running.outcomes() == ["failed", ""]

    await running.until(requested, "the undo is requested")
    running.nomad.set_timing(Timing())
    running.change_outside("app", ":v0.9.0")
    await running.rows.release_leases()
    await running.make_due_and_wake()
    await running.quiet()
    assert len(running.images("app")) == 1
    assert await running.outcomes() == ["failed", "superseded"]


async def test_an_undo_that_fails_is_not_undone(running: Line) -> None:
    await running.start()
    running.nomad.judge("v1.", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 2, "it goes back")
    await running.quiet()
    assert await running.outcomes() == ["failed", "failed"]


async def test_a_pause_does_not_stop_the_undo_of_a_rollout_under_way(running: Line) -> None:
    _, failed = await _paused_while_it_fails(running)
    assert running.images("app") == [f"team/app:v1.1.0@{failed}", "team/app:v1.0.0"]
    assert await running.outcomes() == ["failed", "succeeded"]
    (told,) = await running.notifications("failed")
    assert "restoring app v1.0.0, although everything is paused: the undo belongs to this rollout" in told
    # What is new waits for the end of the pause.
    await running.push("app", "v1.2.0")
    assert "would deploy v1.2.0" in await running.held("app", "paused")


async def test_a_pause_after_the_verdict_does_not_stop_the_undo(running: Line) -> None:
    """The undo is requested before the pause, and registered after it."""
    await running.start()
    running.nomad.set_timing(Timing(start=3600))
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app"), "v1.1.0 is registered")
    await running.rows.lease_to_another()
    running.nomad.skip(3600)

    async def requested() -> bool:
        return await running.outcomes() == ["failed", ""]

    await running.until(requested, "the undo is requested")
    await running.pause()
    running.nomad.set_timing(Timing())
    await running.rows.release_leases()
    await running.make_due_and_wake()
    await running.quiet()
    assert await running.outcomes() == ["failed", "succeeded"]
    assert running.images("app")[-1] == "team/app:v1.0.0"


async def _paused_while_it_fails(running: Line) -> tuple[str, str]:
    """v1.0.0 runs; v1.1.0 is under way when everything is paused, and fails then. Returns their digests."""
    first = await running.start()
    running.nomad.set_timing(Timing(start=3600))
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    second = await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app"), "v1.1.0 is registered")
    await running.pause()
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.held("app", "failed_before")
    await running.quiet()
    return first, second


async def test_a_batch_job_is_not_undone(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", kind="batch")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    second = await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    assert running.images("app") == [f"team/app:v1.1.0@{second}"]


async def _revert(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", auto_revert=True)
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    await running.quiet()
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO, "no such table: users")
    await running.push("app", "v1.1.0")


async def test_nomads_own_revert_is_followed_to_its_end(running: Line) -> None:
    running.nomad.set_timing(Timing(healthy=0.2))
    await _revert(running)
    await running.held("app", "failed_before")
    await running.quiet()
    assert len(running.images("app")) == 1, "Nomad went back, so that we need not"
    (told,) = await running.notifications("failed")
    assert "Nomad reverted to version 0, which runs" in told
    assert "no such table: users" in told
    assert await running.outcomes() == ["failed"]


async def test_a_failed_revert_is_notified(running: Line) -> None:
    await _revert_fails(running)
    (told,) = await running.notifications("failed")
    assert "Nomad reverted to version 0, and that failed too" in told
    assert len(running.images("app")) == 1


async def _revert_fails(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", auto_revert=True)
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    await running.quiet()
    running.nomad.judge("team/app", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()


@pytest.mark.parametrize("newer", ["v1.2.0"])
async def test_a_revert_is_no_drift(running: Line, newer: str) -> None:
    await _revert(running)
    await running.held("app", "failed_before")
    await running.quiet()
    digest = await running.push("app", newer)
    await running.deployed("app", f"team/app:{newer}@{digest}")
