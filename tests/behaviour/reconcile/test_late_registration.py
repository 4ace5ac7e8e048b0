"""Given a worker that is frozen while Nomad answers its registration, when it wakes, then it overwrites nothing
newer."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.services.reconcile.reconcile import reconcile
from tests.behaviour.frozen_workers import Frozen, frozen_in_submit
from tests.line import Line, line


async def reasons(running: Line) -> Sequence[str]:
    return [reason for _, _, reason in await running.rows.decisions()]


@pytest.mark.parametrize("before", [False, True], ids=["with its answer", "before its call"])
async def test_a_rollout_after_a_late_registration_stays_expected(database_url: str, before: bool) -> None:
    """The last push sets the tag to its first digest again. That digest is known, so it is not newer than drift would
    be."""
    async with line(database_url) as running:
        await running.start("app", "v1.0.0")
        first = await running.push("app", "v1.1.0", "first")
        await running.deployed("app", f"team/app:v1.1.0@{first}")
        second = await running.push("app", "v1.1.0", "second", notify=False)
        deployer, late = await frozen_in_submit(running, before=before)
        await running.deliver("team/app", "v1.1.0", second)
        await running.deployed("app", f"team/app:v1.1.0@{second}")
        third = await running.push("app", "v1.1.0", "third")
        await running.deployed("app", f"team/app:v1.1.0@{third}")

        deployer.thawed.set()
        await late

        await running.push("app", "v1.1.0", "first")
        await running.deployed("app", f"team/app:v1.1.0@{first}")
        assert "drifted" not in await reasons(running)
        assert len(running.images("app")) == 4


async def test_drift_after_a_late_registration_is_not_taken_for_ours(database_url: str) -> None:
    async with line(database_url) as running:
        await running.start("app", "v1.0.0")
        first = await running.push("app", "v1.1.0", notify=False)
        deployer, late = await frozen_in_submit(running, before=False)
        await running.deliver("team/app", "v1.1.0", first)
        await running.deployed("app", f"team/app:v1.1.0@{first}")
        running.change_outside("app", ":v1.0.0")
        await running.make_due_and_wake()
        await running.held("app", "drifted")

        deployer.thawed.set()
        await late

        await running.make_due_and_wake()
        await running.quiet()
        assert (await running.hold("app"))[0] == "drifted"


async def test_a_registration_that_a_person_superseded_is_known_as_ours(database_url: str) -> None:
    """The superseded registration is recorded as ours, and is no drift."""
    async with line(database_url) as running:
        await running.start("app", "v1.0.0")
        first = await running.push("app", "v1.1.0", notify=False)
        deployer, late = await frozen_in_submit(running, before=False)
        await running.deploy("app", "v1.0.0")
        await running.until(lambda: len(running.images("app")) == 2, "what the person asked for is registered")
        deployer.thawed.set()
        await late
        await running.quiet()
        rows = [(row["submission_index"] is not None, row["outcome"]) for row in await running.rows.rollouts()]
        assert rows == [(True, "superseded"), (True, "succeeded")]
        await running.deploy("app", "")
        await running.deployed("app", f"team/app:v1.1.0@{first}")
        assert "drifted" not in await reasons(running)


async def test_a_digest_that_a_frozen_worker_found_is_not_newer_than_drift(database_url: str) -> None:
    """The frozen worker resolved a digest that nobody else found; it records it when it wakes."""
    async with line(database_url) as running:
        await running.start("app", "v1.0.0")
        registries = Frozen(running.reconciler.registries, "manifest", before=False)
        other = await running.push("app", "v1.1.0", notify=False)
        (target_id,) = await running.make_due()
        late = asyncio.create_task(reconcile(replace(running.reconciler, registries=registries), target_id))
        await registries.reached.wait()
        await running.rows.expire_leases()
        newest = await running.push("app", "v1.1.0", "another content")
        await running.deployed("app", f"team/app:v1.1.0@{newest}")
        running.change_outside("app", ":v1.0.0")
        await running.make_due_and_wake()
        await running.held("app", "drifted")

        registries.thawed.set()
        await late

        assert not await running.rows.was_found(other)
        await running.make_due_and_wake()
        await running.quiet()
        assert (await running.hold("app"))[0] == "drifted"
