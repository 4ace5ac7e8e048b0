"""A rollout is judged by what became of its image, whoever registered the job meanwhile, and whatever had no place."""

from dataclasses import replace
from typing import Any

from app.simulators.nomad import Fate, Timing, sample_job
from tests.line import Line

# Registered, placed, and not started until the clock is moved; no deadline passes by that.
PENDING = Timing(start=3600, healthy_deadline=36_000, progress_deadline=36_000)


async def _registered(running: Line, tag: str, fate: Fate | None, **job: Any) -> str:
    """v1.0.0 runs. `tag` is pushed, registered and placed, and its allocations have not started yet."""
    first = await running.push("app", "v1.0.0", notify=False)
    running.job("app", f"@{first}", **job)
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    await running.quiet()
    running.nomad.set_timing(PENDING)
    if fate is not None:
        running.nomad.judge(tag, fate)
    digest = await running.push("app", tag)
    await running.until(lambda: running.images("app"), f"{tag} is registered")
    return digest


def _go_on(running: Line) -> None:
    running.nomad.set_timing(replace(PENDING, start=0))
    running.nomad.skip(3600)


async def test_a_bad_image_in_a_version_of_somebody_else_fails_and_is_taken_back(running: Line) -> None:
    """CI posts the job with another value while our rollout runs: the image is ours, and so is the failure."""
    digest = await _registered(running, "v1.1.0", Fate.EXITS_NONZERO)
    running.nomad.change_by_another("app")
    _go_on(running)
    await running.held("app", "failed_before")
    await running.quiet()
    assert await running.outcomes() == ["failed", "succeeded"]
    assert running.images("app")[0] == f"team/app:v1.1.0@{digest}"
    assert "v1.0.0" in running.images("app")[1] or "@sha256:" in running.images("app")[1]
    (told,) = await running.notifications("failed")
    assert "exited with code 3" in told


async def test_a_good_image_in_a_version_of_somebody_else_succeeds_once(running: Line) -> None:
    await _registered(running, "v1.1.0", None)
    for _ in range(2):
        running.nomad.change_by_another("app")
    _go_on(running)
    await running.held("app", "up_to_date")
    await running.quiet()
    assert await running.outcomes() == ["succeeded"]
    assert len(running.images("app")) == 1


async def test_a_bad_image_in_a_version_of_somebody_else_without_deployments(running: Line) -> None:
    await _registered(running, "v1.1.0", Fate.EXITS_NONZERO, max_parallel=0)
    running.nomad.change_by_another("app")
    _go_on(running)
    await running.held("app", "failed_before")
    await running.quiet()
    assert await running.outcomes() == ["failed", "succeeded"]


async def test_an_auto_revert_from_a_version_of_somebody_else_is_no_drift(running: Line) -> None:
    await _registered(running, "v1.1.0", Fate.EXITS_NONZERO, auto_revert=True)
    running.nomad.change_by_another("app")
    _go_on(running)
    await running.held("app", "failed_before")
    await running.quiet()
    assert await running.outcomes() == ["failed"]
    assert len(running.images("app")) == 1, "Nomad reverted by itself"
    await running.poll()
    await running.quiet()
    assert (await running.hold("app"))[0] == "failed_before"


async def test_another_image_of_somebody_else_supersedes_and_its_auto_revert_is_no_drift(running: Line) -> None:
    """Ours was never judged; theirs failed, and Nomad went back to what ran before both: nobody did that by hand."""
    digest = await _registered(running, "v1.1.0", None, auto_revert=True)
    running.nomad.judge("v0.9.9", Fate.EXITS_NONZERO)
    running.change_outside("app", ":v0.9.9")
    _go_on(running)
    await running.until(lambda: running.nomad.job("app")["Version"] >= 3, "Nomad reverted")
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    await running.quiet()
    assert await running.outcomes() == ["superseded", "succeeded"]
    assert running.images("app") == [f"team/app:v1.1.0@{digest}"] * 2


async def test_a_rollout_keeps_the_state_that_ended_it(running: Line) -> None:
    await _registered(running, "v1.1.0", None, count=2)
    _go_on(running)
    await running.held("app", "up_to_date")
    await running.quiet()
    (rollout,) = await running.rows.rollouts()
    assert (rollout["outcome"], rollout["note"]) == ("succeeded", "2 of 2 allocations are healthy")
    stored = rollout["deployment"]
    assert (stored["phase"], stored["healthy"], stored["desired"]) == ("successful", 2, 2)


async def test_a_hold_of_a_failed_image_begins_with_the_cause(running: Line) -> None:
    await _registered(running, "v1.1.0", Fate.OOM_KILLED)
    _go_on(running)
    await running.held("app", "failed_before")
    await running.quiet()
    reason, message = await running.hold("app")
    assert reason == "failed_before"
    assert message.startswith("killed (out of memory): it used more than its 32 MB (app/server): v1.1.0 failed on")
    rollout = (await running.rows.rollouts())[0]
    assert rollout["reason"].startswith("killed (out of memory)")


async def test_a_second_allocation_without_a_place_is_no_failure_of_the_image(running: Line) -> None:
    """The first one is healthy; the second needs a node of its own, and there is none. The digest is not held."""
    first = await running.push("app", "v1.0.0", notify=False)
    job = sample_job("app", f"{running.host}/team/app@{first}", count=2, max_parallel=2)
    job["TaskGroups"][0]["Constraints"] = [{"LTarget": "", "RTarget": "true", "Operand": "distinct_hosts"}]
    running.nomad.set_timing(Timing(progress_deadline=0.1))
    running.nomad.seed(job)
    await running.configure(running.watch("app"))
    await running.checked("app")
    running.nomad.set_timing(Timing(progress_deadline=4))
    digest = await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app"), "v1.1.0 is registered")

    async def explained() -> bool:
        rollout = (await running.rows.rollouts())[-1]
        return "distinct_hosts" in rollout["note"] or bool(rollout["outcome"])

    await running.until(explained, "the cause is read although the deployment does not move")
    assert not (await running.rows.rollouts())[-1]["outcome"]
    running.nomad.skip(3600)

    async def ended() -> bool:
        return await running.outcomes() == ["stalled"]

    await running.until(ended, "Nomad's deadline ends it")
    reason = (await running.rows.rollouts())[-1]["reason"]
    assert reason.startswith(
        'group app: 1 allocation cannot be placed: 1 node excluded by the constraint "distinct_hosts"'
    )
    assert "1 of 2 allocations are healthy" in reason
    assert await running.rows.fetch("SELECT * FROM failures") == []
    assert running.images("app") == [f"team/app:v1.1.0@{digest}"]
    assert await running.notifications("failed") == []
