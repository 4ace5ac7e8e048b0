"""A preview shows by Nomad's plan what a command would change in the job. It changes nothing."""

from uuid import uuid4

import pytest

from app.errors import Rejected
from app.services.commands import preview
from tests.line import Line


async def test_a_preview_shows_the_change_and_stores_nothing(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0", notify=False)
    before = await running.rows.generations()
    shown = await preview.preview_rule(running.operator, "app", pinned_tag="v1.1.0")
    assert shown.message == "Would deploy v1.1.0"
    (change,) = shown.changes.values()
    assert change.before == f"{running.host}/team/app:v1.0.0"
    assert change.after == f"{running.host}/team/app:v1.1.0@{second}"
    assert shown.preview.allowed
    assert any(second in line for line in shown.preview.lines)
    assert shown.preview.foreign == ()
    assert running.images("app") == []
    assert await running.rows.rollouts() == []
    assert await running.rows.generations() == before


async def test_a_preview_takes_the_running_digest_from_the_history(running: Line) -> None:
    """The job names only a tag; the first reconcile recorded the digest behind it."""
    await running.start()
    shown = await preview.preview_reset(running.operator, "app")
    assert (shown.message, shown.changes) == ("v1.0.0 already runs; nothing would change", {})


async def test_a_preview_of_a_failed_digest_has_a_marker(running: Line) -> None:
    first = await running.start()
    await running.rows.add_failure("app", first)
    shown = await preview.preview_reset(running.operator, "app")
    assert shown.message == "Would deploy v1.0.0"


async def test_a_preview_of_a_redeploy_shows_its_effect(running: Line) -> None:
    first = await running.start()
    shown = await preview.preview_redeploy(running.operator, "app", "v1.0.0")
    assert shown.message == "Would deploy v1.0.0"
    (change,) = shown.changes.values()
    assert change.after == f"{running.host}/team/app:v1.0.0@{first}"
    assert await running.rows.rollouts() == []
    assert not await running.rows.has_audit_entries()
    with pytest.raises(Rejected, match="No tag of app is named"):
        await preview.preview_redeploy(running.operator, "app", "")


async def test_a_preview_of_a_rollback_shows_its_effect(running: Line) -> None:
    """Spelled as before, and by the digest once its tag means something else."""
    first = await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.held("app", "up_to_date")
    (forward,) = await running.rows.rollouts()
    rollout_id = forward["rollout_id"]
    shown = await preview.preview_rollback(running.operator, rollout_id)
    assert shown.message == "Would roll back to app v1.0.0"
    (change,) = shown.changes.values()
    assert (change.before, change.after) == (
        f"{running.host}/team/app:v1.1.0@{second}",
        f"{running.host}/team/app:v1.0.0",
    )
    await running.push("app", "v1.0.0", "another", notify=False)
    (change,) = (await preview.preview_rollback(running.operator, rollout_id)).changes.values()
    assert change.after == f"{running.host}/team/app:v1.0.0@{first}"
    await running.outcome(await running.rollback(rollout_id))
    assert running.images("app")[-1] == f"team/app:v1.0.0@{first}"
    with pytest.raises(Rejected, match="was undone already"):
        await preview.preview_rollback(running.operator, rollout_id)
    with pytest.raises(Rejected, match="no such rollout"):
        await preview.preview_rollback(running.operator, uuid4())


async def test_a_preview_of_a_rollback_that_is_running_shows_no_change(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.held("app", "up_to_date")
    (forward,) = await running.rows.rollouts()
    running.nomad_hangs(1.0, method="POST")
    await running.rollback(forward["rollout_id"])
    shown = await preview.preview_rollback(running.operator, forward["rollout_id"])
    assert shown.message == "The rollback to app v1.0.0 is under way; nothing more would change"
    await running.quiet()
