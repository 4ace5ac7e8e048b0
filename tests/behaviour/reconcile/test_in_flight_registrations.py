"""Given a registration without a known answer, when it changes the job later, then the change counts as ours; a change
by somebody else does not."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.errors import NomadDenied, NomadUnavailable
from app.services.config.sync import sync
from app.services.reconcile.reconcile import reconcile
from tests.behaviour.frozen_workers import Frozen, frozen_in_submit
from tests.behaviour.reconcile.test_late_registration import reasons
from tests.line import Line, line


class Refusing:
    """A Deployer whose first registrations raise these errors; none of them is applied."""

    def __init__(self, deployer: Any, errors: list[Exception]) -> None:
        self._deployer = deployer
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._deployer, name)

    async def submit(self, place: Any, patch: Any) -> Any:
        if self._errors:
            raise self._errors.pop(0)
        return await self._deployer.submit(place, patch)


async def given_up(running: Line) -> tuple[str, Frozen, asyncio.Task[bool]]:
    """v1.1.0 had one digest, then another: its worker is frozen before it posts, and a pause ends the rollout."""
    await running.start("app", "v1.0.0")
    first = await running.push("app", "v1.1.0", "first")
    await running.deployed("app", f"team/app:v1.1.0@{first}")
    await running.push("app", "v1.1.0", "second", notify=False)
    deployer, late = await frozen_in_submit(running, before=True)
    await running.pause()
    await running.quiet()
    return first, deployer, late


async def put_back(running: Line, digest: str) -> None:
    """The tag gets its first digest again. It is known, so it is not newer than drift would be."""
    await running.push("app", "v1.1.0", "first")
    await running.pause(paused=False)
    await running.deployed("app", f"team/app:v1.1.0@{digest}")
    assert "drifted" not in await reasons(running)


async def test_a_running_reconcile_keeps_in_flight_registrations(database_url: str) -> None:
    async with line(database_url) as running:
        first, frozen, late = await given_up(running)
        slow = Frozen(running.reconciler.deployer, "inspect", before=False)
        (target_id,) = await running.make_due()
        reconciling = asyncio.create_task(reconcile(replace(running.reconciler, deployer=slow), target_id))
        await slow.reached.wait()
        frozen.thawed.set()
        await late
        slow.thawed.set()
        await reconciling
        await running.quiet()
        await put_back(running, first)


async def test_reconciles_in_between_keep_in_flight_registrations(database_url: str) -> None:
    """One reconcile runs before it is applied and one after; then its worker records it, or never, since it died."""
    async with line(database_url) as running:
        first, _, late = await given_up(running)
        await running.make_due_and_wake()
        await running.quiet()
        (kept,) = await running.rows.in_flight()
        assert kept["key"] == "app/server"
        running.nomad.set_image("app", group="app", task="server", image=kept["identity"])
        late.cancel()  # the worker died with the answer
        await asyncio.gather(late, return_exceptions=True)
        await running.make_due_and_wake()
        await running.quiet()
        assert await running.rows.in_flight() == []
        await put_back(running, first)


async def test_a_registration_that_arrives_during_resolve_is_ours(database_url: str) -> None:
    """Its worker died with the answer, and the tag has moved before the registry answers."""
    async with line(database_url) as running:
        await running.start("app", "v1.0.0")
        first = await running.push("app", "v1.1.0", notify=False)
        _, dead = await frozen_in_submit(running, before=True)
        dead.cancel()
        await asyncio.gather(dead, return_exceptions=True)
        registries = Frozen(running.reconciler.registries, "tags", before=True)
        (target_id,) = await running.make_due()
        reconciling = asyncio.create_task(reconcile(replace(running.reconciler, registries=registries), target_id))
        await registries.reached.wait()
        image = f"{running.host}/team/app:v1.1.0@{first}"
        running.nomad.set_image("app", group="app", task="server", image=image)
        second = await running.push("app", "v1.2.0", notify=False)
        registries.thawed.set()
        await reconciling
        await running.make_due_and_wake()
        await running.deployed("app", f"team/app:v1.2.0@{second}")
        rows = [(row["outcome"], row["submission_index"] > 0) for row in await running.rows.rollouts()]
        assert rows == [("succeeded", True), ("succeeded", True)]


@pytest.mark.parametrize(
    "errors",
    [[NomadDenied("no"), NomadDenied("no")], [NomadUnavailable("outages"), NomadDenied("no")]],
    ids=["refused", "lost, then refused"],
)
async def test_a_change_after_a_refused_registration_is_drift(database_url: str, errors: list[Exception]) -> None:
    async with line(database_url) as running:
        await running.start("app", "v1.0.0")
        second = await running.push("app", "v1.0.2")
        await running.deployed("app", f"team/app:v1.0.2@{second}")
        await running.push("app", "v1.0.1", notify=False)
        await running.push("app", "v1.1.0", notify=False)
        reconciler = replace(running.reconciler, deployer=Refusing(running.reconciler.deployer, errors))
        for _ in range(2):
            (target_id,) = await running.make_due()
            await reconcile(reconciler, target_id)
            await running.rows.requeue_in_an_hour()
        running.change_outside("app", ":v1.0.1")
        await running.make_due_and_wake()
        await running.held("app", "drifted")
        assert len(running.images("app")) == 1


async def test_a_queued_rollout_is_expected_after_its_watch_moved_away_and_back(database_url: str) -> None:
    async with line(database_url) as running:
        await running.start("app", "v1.0.0")
        first = await running.push("app", "v1.1.0", notify=False)
        (watch,) = running.watches
        await running.rows.lease_to_another()
        await running.deploy("app", "v1.1.0")
        store = PostgresWatches(running.database)
        await sync(store, [replace(watch, place=replace(watch.place, job_id="elsewhere"))])
        await sync(store, [watch])
        await running.rows.release_leases()
        await running.make_due_and_wake()
        await running.deployed("app", f"team/app:v1.1.0@{first}")
        assert list(await running.rows.expected()) == ["app/server"]
        running.change_outside("app", ":v1.0.0")
        await running.make_due_and_wake()
        await running.held("app", "drifted")
