"""Canaries: with healthy canaries, a rollout waits for promotion by a person or by its soak time."""

import json
from dataclasses import replace
from uuid import UUID

from app.services.commands import rollouts
from tests.default_settings import PATIENCE_DEFAULTS
from tests.line import Line, line


async def _canary(running: Line, **fields: object) -> UUID:
    """v1.0.0 runs in two allocations, v1.1.0 is pushed and its canary is healthy. Returns the rollout."""
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", count=2, canary=1)
    await running.configure(running.watch("app", **fields))
    await running.held("app", "up_to_date")
    await running.quiet()
    await running.push("app", "v1.1.0")
    rollout_id: UUID = await running.until(lambda: _awaiting(running), "the canary awaits its promotion")
    return rollout_id


async def _awaiting(running: Line) -> UUID | None:
    rows = [each for each in await running.rows.rollouts() if each["deployment"].get("awaits_promotion")]
    return rows[0]["rollout_id"] if rows and rows[0]["ended_at"] is None else None


async def _command(running: Line, rollout_id: UUID, canary_command: str) -> None:
    act = {"promote": rollouts.promote, "fail": rollouts.fail}[canary_command]
    await act(running.operator, rollout_id, by="somebody")


async def test_a_rollout_waits_for_promotion_with_one_notification(running: Line) -> None:
    rollout_id = await _canary(running)
    row = await running.rows.rollout(rollout_id)
    assert row["note"] == "1 of 1 canaries is healthy; waiting for promotion: promote or fail this rollout"
    assert row["deployment"]["canaries"] == 1
    assert json.dumps(row["deployment"])
    for _ in range(3):
        await running.rows.make_rollouts_due()
        await running.make_due_and_wake()
    await running.quiet_for_now()
    assert len(await running.notifications("awaits_promotion")) == 1
    await _command(running, rollout_id, "promote")
    await running.quiet()


async def test_a_command_promotes_canaries(running: Line) -> None:
    rollout_id = await _canary(running)
    await _command(running, rollout_id, "promote")
    assert (await running.outcome(rollout_id))[0] == "succeeded"


async def test_a_command_fails_canaries_and_the_job_goes_back(running: Line) -> None:
    rollout_id = await _canary(running)
    await _command(running, rollout_id, "fail")
    outcome, reason = await running.outcome(rollout_id)
    assert outcome == "failed"
    assert "marked as failed" in reason
    await running.held("app", "failed_before")
    await running.quiet()
    assert running.images("app")[-1] == "team/app:v1.0.0"


async def test_a_rollout_is_promoted_after_its_soak_time(running: Line) -> None:
    rollout_id = await _canary(running, promote_after=0.5)
    assert (await running.outcome(rollout_id))[0] == "succeeded"


async def test_a_rollout_that_waits_for_promotion_is_not_stalled(database_url: str) -> None:
    async with line(database_url, patience=replace(PATIENCE_DEFAULTS, stall_after=0.2, deadline=0.4)) as running:
        rollout_id = await _canary(running)
        await running.rows.age_rollouts()
        await running.rows.make_rollouts_due()
        await running.make_due_and_wake()
        await running.held("app", "busy")
        assert await _awaiting(running) == rollout_id
        await _command(running, rollout_id, "promote")
        assert (await running.outcome(rollout_id))[0] == "succeeded"
