"""Watch commands in Postgres: checked first, stored completely or not at all, and one rollout each."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from app.adapters.postgres.commands.rollout_commands import PostgresRolloutCommands
from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.notify.channels import PostgresChannels
from app.adapters.postgres.views.board import PostgresBoard
from app.adapters.postgres.views.queries import PostgresQueries
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.errors import RegistryDenied, RegistryUnavailable, Rejected, StoreUnavailable
from app.services.commands import watches
from app.services.commands.watches import Operator
from app.services.notify.channels import sync_channels
from app.services.views.queries import WatchView
from tests.fakes.deployer import PlanningDeployer
from tests.fakes.registry import MemoryRegistry, digest_of
from tests.fakes.waker import InProcessWaker

APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="web"),
    task="server",
)
SIDECAR = replace(APP, name="sidecar", repository=Repository.of("registry.example", "team/sidecar"), task="sidecar")
OTHER = replace(APP, name="other", place=replace(APP.place, job_id="elsewhere"))


@dataclass
class World:
    """A store with three watches, two of them in one job, and a registry with releases."""

    database: Database
    registry: MemoryRegistry
    waker: InProcessWaker

    @property
    def operator(self) -> Operator:
        return Operator(
            watch_commands=PostgresWatchCommands(self.database),
            rollout_commands=PostgresRolloutCommands(self.database),
            registries=self.registry,
            deployer=PlanningDeployer(),
            waker=self.waker,
        )

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *values)]

    async def rule(self, name: str = "app") -> tuple[str, bool]:
        (row,) = await self.rows("SELECT pinned_tag, auto_deploy FROM watches WHERE name = $1", name)
        return row["pinned_tag"], row["auto_deploy"]

    async def rollout(self, rollout_id: UUID | None) -> dict[str, Any]:
        (row,) = await self.rows("SELECT * FROM rollouts WHERE rollout_id = $1", rollout_id)
        return row

    async def items(self, rollout_id: UUID | None) -> dict[str, tuple[str, str, bool]]:
        rows = await self.rows("SELECT * FROM rollout_watches WHERE rollout_id = $1", rollout_id)
        return {row["watch_name"]: (row["tag"], row["digest"], row["forced"]) for row in rows}

    async def deliveries(self) -> list[int]:
        """Of all notifications, in the order of their creation."""
        rows = await self.rows("SELECT * FROM notification_deliveries ORDER BY notification_delivery_id")
        return [row["notification_delivery_id"] for row in rows]

    async def everything(self) -> list[Any]:
        return [
            await self.rows("SELECT name, pinned_tag, auto_deploy, commanded_at FROM watches ORDER BY name"),
            await self.rows("SELECT * FROM rollouts ORDER BY intent"),
            await self.rows("SELECT * FROM notifications ORDER BY notification_id"),
            await self.rows("SELECT target_id, generation, due_at FROM targets ORDER BY target_id"),
            await self.rows("SELECT target_id FROM wakes ORDER BY wake_id"),
        ]

    async def watch(self, name: str = "app") -> WatchView:
        found = await PostgresQueries(self.database).watch(name)
        assert found is not None
        return found


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = Database(database_url, size=8)
    await PostgresWatches(database).sync([APP, SIDECAR, OTHER], at_start=False)
    await sync_channels(PostgresChannels(database), ["ops"])
    async with database.connection() as connection:
        await connection.execute(
            "DELETE FROM wakes; UPDATE targets SET due_at = NULL, generation = 0, inspect_job = false"
        )
    registry = MemoryRegistry()
    for tag in ("v1.0.0", "v1.1.0", "test"):
        registry.push("team/app", tag)
        registry.push("team/sidecar", tag)
    yield World(database=database, registry=registry, waker=InProcessWaker())
    await database.close()


async def test_a_pin_is_stored_with_a_rollout_and_wakes_a_worker(world: World) -> None:
    reply = await watches.set_rule(world.operator, "app", by="ann", pinned_tag="v1.0.0")

    assert reply.message == "Deploying to v1.0.0"
    assert await world.rule() == ("v1.0.0", True)
    rollout = await world.rollout(reply.rollout_id)
    assert (rollout["origin"], rollout["state"], rollout["requested_by"]) == ("deploy", "requested", "ann")
    assert await world.items(reply.rollout_id) == {"app": ("v1.0.0", digest_of("v1.0.0"), True)}
    (target,) = await world.rows("SELECT job_id, target_id FROM wakes JOIN targets USING (target_id)")
    assert target["job_id"] == "web"
    assert world.waker.wakes == [("reconcile", str(target["target_id"]))]


async def test_a_pin_leaves_the_switch_alone(world: World) -> None:
    await watches.set_rule(world.operator, "app", by="", auto_deploy=False)
    reply = await watches.set_rule(world.operator, "app", by="", pinned_tag="test")
    assert await world.rule() == ("test", False)
    assert reply.rollout_id is not None


async def test_both_fields_are_one_transaction_and_one_rollout(world: World) -> None:
    reply = await watches.set_rule(world.operator, "app", by="ann", pinned_tag="test", auto_deploy=False)
    assert await world.rule() == ("test", False)
    assert len(await world.rows("SELECT * FROM rollouts")) == 1
    (notification,) = await world.rows("SELECT * FROM notifications")
    assert (notification["kind"], notification["headline"]) == (
        "auto_deploy_toggled",
        "Turned off auto deployment for repo app",
    )
    (delivery,) = await world.deliveries()
    assert ("notify", str(delivery)) in world.waker.wakes
    assert reply.rollout_id is not None


async def test_following_deploys_the_highest_release_once_and_does_not_pin_it(world: World) -> None:
    await watches.set_rule(world.operator, "app", by="", pinned_tag="test")
    reply = await watches.set_rule(world.operator, "app", by="", pinned_tag="")
    assert await world.rule() == ("", True)
    assert await world.items(reply.rollout_id) == {"app": ("v1.1.0", digest_of("v1.1.0"), True)}


async def test_following_keeps_the_spelling_of_the_running_tag(world: World) -> None:
    world.registry.push("team/app", "2.0.0")
    await world.rows(
        """UPDATE watches SET specified = '[{"task": "g/server", "image": "a:0.9.0", "tag": "0.9.0", "digest": ""}]'"""
    )
    reply = await watches.set_rule(world.operator, "app", by="", pinned_tag="")
    assert reply.message == "Deploying to 2.0.0"


async def test_following_passes_over_a_release_without_a_manifest(world: World) -> None:
    world.registry.push("team/app", "v9.0.0")
    world.registry.unlinked.add("v9.0.0")
    assert (await watches.set_rule(world.operator, "app", by="", pinned_tag="")).message == "Deploying to v1.1.0"


@pytest.mark.parametrize(
    ("empty", "problem"),
    [
        ({}, "the registry has no repository"),
        ({"team/app": {"latest": digest_of("x")}}, "the registry has no release tag"),
    ],
)
async def test_following_without_any_release_sets_the_rule_only(
    world: World, empty: dict[str, dict[str, str]], problem: str
) -> None:
    await watches.set_rule(world.operator, "app", by="", pinned_tag="test", auto_deploy=False)
    before = await world.rows("SELECT rollout_id FROM rollouts")
    world.registry.images = empty
    reply = await watches.reset(world.operator, "app", by="")
    assert reply.rollout_id is None
    assert reply.message.startswith(f"Following releases; {problem}")
    assert await world.rule() == ("", True)
    assert await world.rows("SELECT rollout_id FROM rollouts") == before


async def test_a_switch_starts_no_rollout_and_is_notified_only_when_it_changes_something(world: World) -> None:
    reply = await watches.set_rule(world.operator, "app", by="", auto_deploy=False)
    assert reply == watches.Reply(message="Auto deployment set to false")
    await watches.set_rule(world.operator, "app", by="", auto_deploy=False)
    assert len(await world.rows("SELECT * FROM notifications")) == 1
    assert await world.rows("SELECT * FROM rollouts") == []
    due = await world.rows("SELECT job_id FROM wakes JOIN targets USING (target_id)")
    assert [row["job_id"] for row in due] == ["web", "web"]


async def test_reset_follows_and_switches_on_and_does_not_force(world: World) -> None:
    await watches.set_rule(world.operator, "app", by="", pinned_tag="test", auto_deploy=False)
    reply = await watches.reset(world.operator, "app", by="ann")
    assert await world.rule() == ("", True)
    assert (await world.rollout(reply.rollout_id))["origin"] == "reset"
    assert await world.items(reply.rollout_id) == {"app": ("v1.1.0", digest_of("v1.1.0"), False)}


@pytest.mark.parametrize(
    ("outage", "expected"),
    [
        (RegistryUnavailable("it is away"), RegistryUnavailable),
        (RegistryDenied("wrong password"), RegistryDenied),
    ],
)
@pytest.mark.parametrize("pinned_tag", ["", "v1.0.0"])
async def test_a_command_during_a_registry_outage_changes_nothing(
    world: World, outage: Exception, expected: type[Exception], pinned_tag: str
) -> None:
    before = await world.everything()
    world.registry.outage = outage
    with pytest.raises(expected):
        await watches.set_rule(world.operator, "app", by="", pinned_tag=pinned_tag, auto_deploy=False)
    assert await world.everything() == before
    assert world.waker.wakes == []


@pytest.mark.parametrize("pinned_tag", ["v9.9.9", "not a tag", "ä", "a\0b", "x" * 129])
async def test_a_malformed_tag_changes_nothing(world: World, pinned_tag: str) -> None:
    before = await world.everything()
    with pytest.raises(Rejected) as refused:
        await watches.set_rule(world.operator, "app", by="", pinned_tag=pinned_tag, auto_deploy=False)
    assert refused.value.status == 400
    assert await world.everything() == before


@pytest.mark.parametrize("repo", ["unknown", "", "app\0", "../app"])
async def test_an_unknown_watch_is_refused(world: World, repo: str) -> None:
    for attempt in (
        watches.set_rule(world.operator, repo, by="", auto_deploy=True),
        watches.reset(world.operator, repo, by=""),
        watches.check(world.operator, repo, by=""),
    ):
        with pytest.raises(Rejected, match="not being watched"):
            await attempt


async def test_a_watch_that_left_the_configuration_is_unknown(world: World) -> None:
    await PostgresWatches(world.database).sync([SIDECAR], at_start=False)
    with pytest.raises(Rejected):
        await watches.set_rule(world.operator, "app", by="", auto_deploy=True)


async def test_a_repeated_command_is_the_same_rollout_while_it_is_active(world: World) -> None:
    first = await watches.set_rule(world.operator, "app", by="", pinned_tag="v1.0.0")
    second = await watches.set_rule(world.operator, "app", by="", pinned_tag="v1.0.0", auto_deploy=False)
    assert second.rollout_id == first.rollout_id
    assert await world.rule() == ("v1.0.0", False)

    await world.rows("UPDATE rollouts SET state = 'submitted'")
    third = await watches.set_rule(world.operator, "app", by="", pinned_tag="v1.0.0")
    assert third.rollout_id == first.rollout_id

    await world.rows("UPDATE rollouts SET state = 'ended', ended_at = now(), outcome = 'succeeded'")
    fourth = await watches.set_rule(world.operator, "app", by="", pinned_tag="v1.0.0")
    assert fourth.rollout_id != first.rollout_id
    assert [row["intent"] for row in await world.rows("SELECT intent FROM rollouts ORDER BY intent")] == [1, 2]


async def test_a_tag_that_moved_since_it_was_registered_is_another_rollout(world: World) -> None:
    first = await watches.set_rule(world.operator, "app", by="", pinned_tag="test")
    await world.rows("UPDATE rollouts SET state = 'submitted'")
    world.registry.push("team/app", "test", "newer")
    second = await watches.set_rule(world.operator, "app", by="", pinned_tag="test")
    assert second.rollout_id != first.rollout_id


async def test_a_command_supersedes_the_active_rollout(world: World) -> None:
    first = await watches.set_rule(world.operator, "app", by="", pinned_tag="v1.0.0")
    second = await watches.set_rule(world.operator, "app", by="ann", pinned_tag="v1.1.0")
    ended = await world.rollout(first.rollout_id)
    assert (ended["state"], ended["outcome"]) == ("ended", "superseded")
    assert ended["reason"] == "ann asked for app v1.1.0"
    assert (await world.rollout(second.rollout_id))["intent"] == 2
    (notification,) = await world.rows("SELECT * FROM notifications")
    assert notification["kind"] == "superseded"
    (delivery,) = await world.deliveries()
    assert ("notify", str(delivery)) in world.waker.wakes


async def test_a_deploy_supersedes_a_running_reset(world: World) -> None:
    reset = await watches.reset(world.operator, "app", by="")
    again = await watches.reset(world.operator, "app", by="")
    assert again.rollout_id == reset.rollout_id
    deploy = await watches.set_rule(world.operator, "app", by="", pinned_tag="")
    assert deploy.rollout_id != reset.rollout_id
    assert (await watches.reset(world.operator, "app", by="")).rollout_id == deploy.rollout_id


async def test_a_requested_deploy_of_another_watch_of_the_job_is_included(world: World) -> None:
    first = await watches.set_rule(world.operator, "sidecar", by="", pinned_tag="test")
    second = await watches.reset(world.operator, "app", by="")
    assert (await world.rollout(first.rollout_id))["outcome"] == "superseded"
    assert await world.items(second.rollout_id) == {
        "sidecar": ("test", digest_of("test"), True),
        "app": ("v1.1.0", digest_of("v1.1.0"), False),
    }


async def test_a_registered_deploy_of_another_watch_is_not_included(world: World) -> None:
    await watches.set_rule(world.operator, "sidecar", by="", pinned_tag="test")
    await world.rows("UPDATE rollouts SET state = 'submitted'")
    second = await watches.set_rule(world.operator, "app", by="", pinned_tag="test")
    assert set(await world.items(second.rollout_id)) == {"app"}


async def test_jobs_do_not_supersede_one_another(world: World) -> None:
    first = await watches.set_rule(world.operator, "app", by="", pinned_tag="test")
    await watches.set_rule(world.operator, "other", by="", pinned_tag="test")
    assert (await world.rollout(first.rollout_id))["state"] == "requested"


async def test_concurrent_commands_end_as_one_active_rollout(world: World) -> None:
    tags = ["v1.0.0", "v1.1.0", "test"] * 4
    replies = await asyncio.gather(
        *(watches.set_rule(world.operator, "app", by="", pinned_tag=tag) for tag in tags),
        *(watches.set_rule(world.operator, "sidecar", by="", pinned_tag=tag) for tag in tags),
    )
    (active,) = await world.rows("SELECT rollout_id FROM rollouts WHERE ended_at IS NULL")
    assert active["rollout_id"] in {reply.rollout_id for reply in replies}
    assert set(await world.items(active["rollout_id"])) == {"app", "sidecar"}


async def test_a_check_makes_the_job_due_and_wakes_a_worker(world: World) -> None:
    await watches.check(world.operator, "other", by="")
    (target,) = await world.rows("SELECT job_id, target_id FROM wakes JOIN targets USING (target_id)")
    assert target["job_id"] == "elsewhere"
    assert world.waker.wakes == [("reconcile", str(target["target_id"]))]


async def test_pausing_and_resuming_make_everything_due_one_time(world: World) -> None:
    assert (await watches.switch(world.operator, paused=True, by="ann")).message == "Everything is paused"
    world.waker.wakes.clear()
    assert (await watches.switch(world.operator, paused=True, by="bob")).message == "Everything is paused already"
    assert world.waker.wakes == []
    situation = await PostgresBoard(world.database).situation()
    assert (situation.paused, situation.paused_by) == (True, "ann")

    await watches.switch(world.operator, paused=False, by="bob")
    assert len(world.waker.wakes) == 2
    assert not (await PostgresBoard(world.database).situation()).paused


async def test_the_desired_tag_is_known_at_once(world: World) -> None:
    assert (await world.watch()).desired == ""
    await watches.set_rule(world.operator, "app", by="", pinned_tag="v1.0.0")
    assert (await world.watch()).desired == "v1.0.0"
    await watches.set_rule(world.operator, "app", by="", pinned_tag="")
    assert (await world.watch()).desired == "v1.1.0"


async def test_the_desired_tag_after_a_command_comes_from_the_last_tag_list(world: World) -> None:
    await world.rows(
        "UPDATE watches SET tags = '{v1.0.0,v1.2.0,test}', tags_read_at = now(), desired_tag = 'test' "
        "WHERE name = 'app'"
    )
    await watches.set_rule(world.operator, "app", by="", pinned_tag="")
    await world.rows("UPDATE rollouts SET state = 'ended', outcome = 'succeeded', ended_at = now()")
    assert (await world.watch()).desired == "v1.2.0"


async def test_a_postgres_outage_is_named(world: World) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    operator = replace(world.operator, watch_commands=PostgresWatchCommands(nowhere))
    with pytest.raises(StoreUnavailable):
        await watches.set_rule(operator, "app", by="", auto_deploy=True)
    assert world.registry.asked == 0
