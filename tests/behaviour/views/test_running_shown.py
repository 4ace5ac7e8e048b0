"""What runs, as GET /repos and the pages say it, for each kind of job and each end of a rollout."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.services.commands import rollouts
from app.simulators.nomad import Timing
from app.simulators.nomad.timing import Fate
from tests.behaviour.views.shown import Shown, shown
from tests.default_settings import PATIENCE_DEFAULTS
from tests.line import SLOW, Line, line

CRON = {"Enabled": True, "SpecType": "cron", "Spec": "0 3 1 1 *"}

Runs = dict[str, int]


@pytest.fixture
async def door(running: Line) -> AsyncIterator[Shown]:
    async with shown(running) as opened:
        yield opened


async def begin(running: Line, *, watch: dict[str, Any] | None = None, **job: Any) -> None:
    """Push v1.0.0, run it by its tag in a job with these fields, and wait until the watch is up to date."""
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", **job)
    await running.configure(running.watch("app", **(watch or {})))
    await running.held("app", "up_to_date")
    await running.quiet()


async def runs_as(running: Line, door: Shown, runs: Runs, *, of: int) -> dict[str, Any]:
    """The watch in the API, once `runs` allocations run by tag, `of` so many."""
    last: dict[str, Any] = {}

    async def so() -> bool:
        await running.make_due_and_wake()
        last.update(await door.api())
        found = {each["tag"]: each["running"] for each in last["running"] if each["running"]}
        return (found, last["allocation_count"]) == (runs, of)

    await running.until(so, f"{runs} of {of} run")
    return last


def conclusion(api: dict[str, Any]) -> tuple[str, str]:
    return api["condition"], api["decision"]["message"]


async def test_rolling(running: Line, door: Shown) -> None:
    await begin(running, count=3)
    assert "Runs v1.0.0 ×3" in await door.list()
    running.nomad.set_timing(SLOW)
    digest = await running.push("app", "v1.1.0")
    api = await runs_as(running, door, {"v1.0.0": 2, "v1.1.0": 1}, of=3)
    assert (api["condition"], [each["tag"] for each in api["specified"]]) == ("moving", ["v1.1.0"])
    for text in (await door.list(), await door.page()):
        assert "Runs v1.0.0 ×2" in text
        assert f"v1.1.0 ×1 {digest[7:19]}" in text
        assert "Up to date" not in text.partition("Timeline")[0]
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    api = await runs_as(running, door, {"v1.1.0": 3}, of=3)
    await running.quiet()
    assert conclusion(await door.api()) == ("current", "v1.1.0 runs")
    assert "Runs v1.1.0 ×3" in await door.page()


async def test_canary(running: Line, door: Shown) -> None:
    await begin(running, count=2, canary=1)
    await running.push("app", "v1.1.0")
    await running.until(lambda: _awaits_promotion(door), "the canary waits")
    api = await runs_as(running, door, {"v1.0.0": 2, "v1.1.0": 1}, of=2)
    assert [(each["tag"], each["canaries"]) for each in api["running"]] == [("v1.0.0", 0), ("v1.1.0", 1)]
    assert api["condition"] == "promotion"
    for text in (await door.list(), await door.page()):
        assert "v1.1.0 ×1 canary" in text
        assert "Waiting for promotion" in text
    await rollouts.promote(running.operator, _rollout(api), by="ann")
    await runs_as(running, door, {"v1.1.0": 2}, of=2)
    await running.quiet()
    assert conclusion(await door.api()) == ("current", "v1.1.0 runs")
    assert "canary" not in (await door.list()).partition("Repository")[2]


async def test_blocked(database_url: str) -> None:
    patience = replace(PATIENCE_DEFAULTS, stall_after=0.3, grace=0.1)
    async with line(database_url, patience=patience) as running, shown(running) as door:
        await begin(running)
        running.nomad.set_timing(Timing(progress_deadline=3600))
        running.nomad.judge("v1.1.0", Fate.UNPLACEABLE, "memory")
        await running.push("app", "v1.1.0")
        await running.held("app", "stalled")
        api = await runs_as(running, door, {"v1.0.0": 1}, of=1)
        assert conclusion(api)[1].startswith("0 of 1 allocations run v1.1.0: ")
        assert (api["condition"], [each["tag"] for each in api["specified"]]) == ("stalled", ["v1.1.0"])
        for text in (await door.list(), await door.page()):
            assert "Runs v1.0.0 ×1" in text
            assert "specified: v1.1.0" in text
            assert "Stalled 0 of 1 allocations run v1.1.0" in text
            assert "Up to date" not in text.partition("Timeline")[0]
        running.nomad.pardon()
        await running.let_pass(20.0)
        await running.held("app", "up_to_date")


@pytest.mark.parametrize(
    ("undoes", "runs", "specified"), [(False, {"v1.0.0": 1}, "v1.1.0"), (True, {"v1.0.0": 2}, "v1.0.0")]
)
async def test_failed_and_undone(running: Line, door: Shown, undoes: bool, runs: Runs, specified: str) -> None:
    await begin(running, watch={"revert_on_failure": undoes}, count=2)
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    api = await runs_as(running, door, runs, of=2)
    await running.quiet()
    assert (api["condition"], [each["tag"] for each in api["specified"]]) == ("failed", [specified])
    for text in (await door.list(), await door.page()):
        assert f"Runs v1.0.0 ×{runs['v1.0.0']}" in text
        assert ("specified: v1.1.0" in text) is not undoes
        assert "Held: failed before" in text


async def test_scaled_to_nothing(running: Line, door: Shown) -> None:
    await begin(running, count=2)
    running.nomad.scale("app", count=0)
    api = await runs_as(running, door, {}, of=0)
    await running.quiet()
    assert conclusion(api) == ("current", "v1.0.0 is specified; no allocation should run")
    for text in (await door.list(), await door.page()):
        assert "Runs nothing runs, and nothing should specified: v1.0.0" in text


async def test_batch(running: Line, door: Shown) -> None:
    running.nomad.set_timing(Timing(run=3600))
    await begin(running, kind="batch")
    api = await runs_as(running, door, {"v1.0.0": 1}, of=1)
    assert conclusion(api) == ("current", "v1.0.0 runs")
    assert "Runs v1.0.0 ×1" in await door.list()
    running.nomad.skip(3600)
    api = await runs_as(running, door, {}, of=0)
    assert conclusion(api) == ("current", "v1.0.0 is specified; its allocations completed")
    assert "Runs nothing runs, and nothing should specified: v1.0.0" in await door.page()


async def test_system(running: Line, door: Shown) -> None:
    await begin(running, kind="system")
    nodes = (await door.api())["allocation_count"]
    assert nodes > 0
    await running.push("app", "v1.1.0")
    await runs_as(running, door, {"v1.1.0": nodes}, of=nodes)
    await running.quiet()
    assert conclusion(await door.api()) == ("current", "v1.1.0 runs")
    assert f"Runs v1.1.0 ×{nodes}" in await door.list()


async def test_periodic(running: Line, door: Shown) -> None:
    await begin(running, kind="batch", Periodic=CRON)
    await running.push("app", "v1.1.0")
    api = await runs_as(running, door, {}, of=0)
    await running.quiet()
    api = await door.api()
    assert conclusion(api) == ("current", "v1.1.0 is specified; the job's next launch runs it")
    assert [each["tag"] for each in api["specified"]] == ["v1.1.0"]
    for text in (await door.list(), await door.page()):
        assert "Runs nothing runs, and nothing should specified: v1.1.0" in text


async def _awaits_promotion(door: Shown) -> bool:
    rollout = (await door.api())["rollout"]
    return bool(rollout and rollout["awaits_promotion"])


def _rollout(api: dict[str, Any]) -> UUID:
    return UUID(api["rollout"]["rollout_id"])
