"""What people said is remembered with what it changed, by whom, once; and a word under the same id is one word."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.views.board import PostgresBoard
from app.domain.timeline import EntryKind
from app.errors import RegistryUnavailable, Rejected
from app.services.commands import rollouts, watches
from app.services.commands.audit import AuditAction
from app.services.commands.watch_commands import Command
from app.services.rollout.rollouts import CanaryCommand
from app.services.views.board import TimelineQuery
from tests.fakes.registry import digest_of
from tests.integration.commands.test_rollouts import registered
from tests.integration.commands.test_watches import OTHER, SIDECAR, World, world

__all__ = ["world"]

WORDS = "SELECT watch_name, action, actor, detail, rollout_id FROM audit_log ORDER BY entry_id"


async def said(world: World) -> list[tuple[str | None, str, str]]:
    return [(row["watch_name"], row["action"], row["detail"]) for row in await world.rows(WORDS)]


async def forget(world: World) -> None:
    await world.rows("DELETE FROM audit_log")


async def end_all(world: World) -> None:
    await world.rows(
        "UPDATE rollouts SET state = 'ended', ended_at = now(), outcome = 'succeeded' WHERE ended_at IS NULL"
    )


async def test_each_part_of_a_rule_is_told_with_its_rollout(world: World) -> None:
    reply = await watches.set_rule(world.operator, "app", by="ann", pinned_tag="v1.0.0", auto_deploy=False)
    assert await said(world) == [
        ("app", "pin", "pinned to v1.0.0, deploys it"),
        ("app", "switch_off", "auto deploy off"),
    ]
    rows = await world.rows(WORDS)
    assert {(row["actor"], row["rollout_id"]) for row in rows} == {("ann", reply.rollout_id)}
    await forget(world)
    await watches.set_rule(world.operator, "app", by="bob", pinned_tag="", auto_deploy=True)
    assert await said(world) == [
        ("app", "follow", "follows releases, deploys v1.1.0"),
        ("app", "switch_on", "auto deploy on"),
    ]
    entries = await PostgresBoard(world.database).entries(TimelineQuery(watch="app", by="bob"), limit=9)
    assert [entry.action for entry in entries if entry.kind is EntryKind.COMMAND] == [
        AuditAction.SWITCH_ON,
        AuditAction.FOLLOW,
    ]


async def test_what_is_on_its_way_already_is_not_told_again(world: World) -> None:
    for _ in range(2):
        await watches.set_rule(world.operator, "app", by="ann", pinned_tag="v1.0.0", auto_deploy=True)
    assert await said(world) == [("app", "pin", "pinned to v1.0.0, deploys it")]
    await watches.set_rule(world.operator, "app", by="ann", auto_deploy=False)
    await watches.set_rule(world.operator, "app", by="ann", auto_deploy=False)
    await end_all(world)
    await watches.set_rule(world.operator, "app", by="ann", pinned_tag="v1.0.0")
    assert [action for _, action, _ in await said(world)] == ["pin", "switch_off", "pin"]


async def test_a_pin_of_what_is_on_its_way_tells_the_rule(world: World) -> None:
    await watches.set_rule(world.operator, "app", by="ann", pinned_tag="")
    await watches.set_rule(world.operator, "app", by="ann", pinned_tag="v1.1.0")
    await watches.set_rule(world.operator, "app", by="ann", pinned_tag="")
    assert [detail for _, _, detail in await said(world)] == [
        "follows releases, deploys v1.1.0",
        "pinned to v1.1.0",
        "follows releases",
    ]


async def test_a_reset_is_one_word(world: World) -> None:
    await watches.set_rule(world.operator, "app", by="", pinned_tag="test", auto_deploy=False)
    await forget(world)
    for _ in range(2):
        await watches.reset(world.operator, "app", by="ann")
    assert await said(world) == [("app", "reset", "follows releases, auto deploy on, deploys v1.1.0")]
    await end_all(world)
    await watches.set_rule(world.operator, "app", by="", auto_deploy=False)
    await forget(world)
    world.registry.images = {}
    await watches.reset(world.operator, "app", by="ann")
    assert await said(world) == [("app", "reset", "follows releases, auto deploy on")]


async def test_a_refused_word_is_not_told(world: World) -> None:
    for attempt in (
        watches.set_rule(world.operator, "app", by="", pinned_tag="v9"),
        watches.redeploy(world.operator, "app", tag="v9", by=""),
        watches.check(world.operator, "nobody", by=""),
        watches.release_hold(world.operator, "app", by=""),
    ):
        with pytest.raises(Rejected):
            await attempt
    assert await said(world) == []


async def test_checks_switches_and_releases_are_told(world: World) -> None:
    await watches.check(world.operator, "app", by="ann")
    for paused in (True, True, False):
        await watches.switch(world.operator, paused=paused, by="ann")
    await world.rows("INSERT INTO failures (watch_name, digest, rollout_id) VALUES ('app', 'd1', $1)", uuid4())
    await watches.release_hold(world.operator, "app", by="ann")
    assert await said(world) == [
        ("app", "check", "looks at it now"),
        (None, "pause", "nothing is deployed by itself"),
        (None, "resume", "what is wanted is deployed again"),
        ("app", "release", "d1 may be tried again"),
    ]


async def test_words_about_a_rollout_are_told_of_each_of_its_watches(world: World) -> None:
    rollout_id = await registered(world, "v1.1.0", "v1.0.0", intent=1, state="submitted")
    await world.rows(
        "INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, from_tag, from_digest) "
        "VALUES ($1, 'sidecar', 'v1.1.0', $2, false, 'v1.0.0', $3)",
        rollout_id,
        digest_of("v1.1.0"),
        digest_of("v1.0.0"),
    )
    steering = world.operator.steering
    assert all(
        await asyncio.gather(*(steering.canary_command(rollout_id, CanaryCommand.PROMOTE, by="ann") for _ in range(4)))
    )
    await steering.canary_command(rollout_id, CanaryCommand.FAIL, by="ann")
    for _ in range(2):
        await rollouts.rollback(world.operator, rollout_id, by="ann")
    names = ("app", "sidecar")
    assert await said(world) == [
        *((name, "promote", "promotes the canaries") for name in names),
        *((name, "fail", "fails the deployment") for name in names),
        *((name, "rollback", "goes back to v1.0.0") for name in names),
    ]
    assert not await steering.canary_command(uuid4(), CanaryCommand.FAIL, by="ann")


async def test_a_redeploy_leaves_the_rule_and_the_switch_alone(world: World) -> None:
    await watches.set_rule(world.operator, "app", by="", pinned_tag="", auto_deploy=False)
    await end_all(world)
    await forget(world)
    reply = await watches.redeploy(world.operator, "app", tag="v1.0.0", by="ann")
    assert reply.message == "Deploying to v1.0.0"
    assert await world.rule() == ("", False)
    rollout = await world.rollout(reply.rollout_id)
    assert (rollout["origin"], rollout["requested_by"]) == ("deploy", "ann")
    assert await world.items(reply.rollout_id) == {"app": ("v1.0.0", digest_of("v1.0.0"), True)}
    assert (await world.watch()).desired == "v1.0.0"
    assert await said(world) == [("app", "redeploy", "deploys v1.0.0 once, the rule stays as it is")]
    assert (await watches.redeploy(world.operator, "app", tag="v1.0.0", by="ann")).rollout_id == reply.rollout_id
    assert len(await said(world)) == 1


@pytest.mark.parametrize("tag", ["", "v9.9.9", "not a tag"])
async def test_a_redeploy_of_no_tag_changes_nothing(world: World, tag: str) -> None:
    before = await world.everything()
    with pytest.raises(Rejected) as refused:
        await watches.redeploy(world.operator, "app", tag=tag, by="")
    assert refused.value.status == 400
    assert "pinned_tag" not in str(refused.value)
    world.registry.outage = RegistryUnavailable("it is away")
    if tag.startswith("v"):
        with pytest.raises(RegistryUnavailable):
            await watches.redeploy(world.operator, "app", tag=tag, by="")
    assert await world.everything() == before


def commanded(world: World, way: str, idempotency_key: UUID, name: str = "app") -> Any:
    if way == "rule":
        return watches.set_rule(
            world.operator, name, by="ann", pinned_tag="v1.0.0", auto_deploy=False, idempotency_key=idempotency_key
        )
    if way == "reset":
        return watches.reset(world.operator, name, by="ann", idempotency_key=idempotency_key)
    return watches.redeploy(world.operator, name, tag="v1.0.0", by="ann", idempotency_key=idempotency_key)


@pytest.mark.parametrize("way", ["rule", "reset", "redeploy"])
async def test_the_same_word_under_the_same_id_is_one_word(world: World, way: str) -> None:
    idempotency_key = uuid4()
    first = await commanded(world, way, idempotency_key)
    assert first.rollout_id == idempotency_key
    await end_all(world)
    before = await world.everything(), await said(world)
    world.waker.wakes.clear()
    world.registry.outage = RegistryUnavailable("it is away")
    assert await commanded(world, way, idempotency_key) == first
    assert (await world.everything(), await said(world)) == before
    assert world.waker.wakes == []
    with pytest.raises(Rejected, match="another job's rollout") as refused:
        await commanded(world, way, idempotency_key, "other")
    assert refused.value.status == 409
    assert (await world.everything(), await said(world)) == before


@pytest.mark.parametrize("way", ["rule", "reset", "redeploy"])
async def test_at_once_it_is_one_word(world: World, way: str) -> None:
    idempotency_key = uuid4()
    replies = await asyncio.gather(*(commanded(world, way, idempotency_key) for _ in range(8)))
    assert {reply.rollout_id for reply in replies} == {idempotency_key}
    assert len(await world.rows("SELECT 1 FROM rollouts")) == 1


async def test_at_once_for_two_jobs_one_of_them_is_refused(world: World) -> None:
    for _ in range(5):
        idempotency_key = uuid4()
        answers = await asyncio.gather(
            *(commanded(world, "redeploy", idempotency_key, name) for name in ("app", "other") * 3),
            return_exceptions=True,
        )
        refused = [each for each in answers if isinstance(each, Rejected)]
        assert len(refused) == 3
        assert {each.status for each in refused} == {409}
        assert {each.rollout_id for each in answers if isinstance(each, watches.Reply)} == {idempotency_key}
        await end_all(world)


async def test_a_store_that_finds_the_id_taken_while_it_writes_says_so(world: World) -> None:
    """As after the first look at the id: the rows are locked by now."""
    idempotency_key = uuid4()
    await watches.redeploy(world.operator, "other", tag="v1.0.0", by="", idempotency_key=idempotency_key)
    standing = await watches.find(world.operator, "app")
    deploy_request = await watches.redeploy_request(world.operator, standing, "v1.0.0")
    commanded = await world.operator.rules.execute(
        Command(watch="app", by="", deploy_request=deploy_request, idempotency_key=idempotency_key)
    )
    assert commanded is not None
    assert commanded.taken


async def test_a_rollback_under_the_same_id_is_one_rollback(world: World) -> None:
    forward = await registered(world, "v1.1.0", "v1.0.0", intent=1)
    idempotency_key, other = uuid4(), uuid4()
    await watches.redeploy(world.operator, "other", tag="v1.0.0", by="", idempotency_key=other)
    replies = await asyncio.gather(
        *(rollouts.rollback(world.operator, forward, by="ann", idempotency_key=idempotency_key) for _ in range(4))
    )
    assert {reply.rollout_id for reply in replies} == {idempotency_key}
    assert {reply.message for reply in replies} == {"Going back to app v1.0.0"}
    await end_all(world)
    assert (
        await rollouts.rollback(world.operator, forward, by="ann", idempotency_key=idempotency_key)
    ).rollout_id == idempotency_key
    before = await world.everything()
    with pytest.raises(Rejected, match="another job's rollout"):
        await rollouts.rollback(world.operator, forward, by="ann", idempotency_key=other)
    past = await rollouts.revertible_of(world.operator, forward)
    gone = await world.operator.steering.roll_back(past, [], by="ann", idempotency_key=other)
    assert gone is not None
    assert gone.taken
    assert await world.everything() == before


async def test_an_id_is_asked_about_a_watch_that_went(world: World) -> None:
    idempotency_key = uuid4()
    await watches.redeploy(world.operator, "app", tag="v1.0.0", by="", idempotency_key=idempotency_key)
    await PostgresWatches(world.database).sync([SIDECAR, replace(OTHER, name="third")], at_start=False)
    with pytest.raises(Rejected, match="not being watched"):
        await watches.redeploy(world.operator, "app", tag="v1.0.0", by="", idempotency_key=idempotency_key)
    assert await world.operator.rules.asked("app\0", idempotency_key) is None
