"""Rollout commands in Postgres: repeated rollbacks are one rollback, and what a release frees."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.adapters.postgres.views.queries import PostgresQueries
from app.errors import Rejected
from app.services.commands import rollouts, watches
from tests.fakes.registry import digest_of
from tests.integration.commands.test_watches import World, world

__all__ = ["world"]


async def registered(world: World, tag: str, before: str, *, intent: int, state: str = "ended") -> UUID:
    """A rollout of `app` that Nomad has, or that has succeeded."""
    rollout_id = uuid4()
    outcome, ended = ("succeeded", "clock_timestamp()") if state == "ended" else (None, "NULL")
    await world.rows(
        "INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, submitted_at, follow_at, outcome, "
        f"ended_at) SELECT $1, target_id, $2, 'rule', $3, now(), now() + interval '1 hour', $4, {ended} "
        "FROM watches WHERE name = 'app'",
        rollout_id,
        intent,
        state,
        outcome,
    )
    await world.rows(
        "INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, from_tag, from_digest) "
        "VALUES ($1, 'app', $2, $3, false, $4, $5)",
        rollout_id,
        tag,
        digest_of(tag),
        before,
        digest_of(before),
    )
    return rollout_id


async def state_of(world: World) -> dict[str, Any]:
    (row,) = await world.rows(
        "SELECT pinned_tag, auto_deploy, commanded_at, rolled_back_at FROM watches WHERE name = 'app'"
    )
    return row


async def test_a_rollback_is_a_rollout_of_its_own(world: World) -> None:
    forward = await registered(world, "v1.1.0", "v1.0.0", intent=1)
    reply = await rollouts.rollback(world.operator, forward, by="ann")
    rollout = await world.rollout(reply.rollout_id)
    assert (rollout["origin"], rollout["requested_by"], rollout["undoes"]) == ("rollback", "ann", forward)
    assert await world.items(reply.rollout_id) == {"app": ("v1.0.0", digest_of("v1.0.0"), False)}
    state = await state_of(world)
    assert (state["pinned_tag"], state["auto_deploy"], state["commanded_at"]) == ("", True, None)
    assert state["rolled_back_at"] is not None
    (view,) = [each for each in await PostgresQueries(world.database).rollouts(limit=9) if each.rollout_id == forward]
    assert view.undone_by == reply.rollout_id
    assert (await world.watch()).rolled_back_at == state["rolled_back_at"]


async def test_concurrent_rollbacks_are_one_rollout(world: World) -> None:
    forward = await registered(world, "v1.1.0", "v1.0.0", intent=1, state="submitted")
    replies = await asyncio.gather(*(rollouts.rollback(world.operator, forward, by="ann") for _ in range(8)))
    assert len({reply.rollout_id for reply in replies}) == 1
    assert len(await world.rows("SELECT 1 FROM rollouts WHERE ended_at IS NULL")) == 1
    ended = await world.rollout(forward)
    assert (ended["outcome"], ended["reason"]) == ("superseded", "ann rolled back to app v1.0.0")


async def test_a_later_command_clears_a_rollback(world: World) -> None:
    forward = await registered(world, "v1.1.0", "v1.0.0", intent=1)
    back = await rollouts.rollback(world.operator, forward, by="ann")
    reply = await watches.set_rule(world.operator, "app", by="bob", pinned_tag="v1.0.0")
    assert reply.rollout_id != back.rollout_id
    assert (await world.rollout(back.rollout_id))["outcome"] == "superseded"
    assert (await world.watch()).rolled_back_at is None


async def test_a_command_for_another_watch_of_the_job_keeps_the_rollback(world: World) -> None:
    """A rollback goes by its digest; a deploy would follow the tag."""
    forward = await registered(world, "v1.1.0", "v1.0.0", intent=1)
    await rollouts.rollback(world.operator, forward, by="ann")
    reply = await watches.set_rule(world.operator, "sidecar", by="bob", pinned_tag="test")
    assert set(await world.items(reply.rollout_id)) == {"sidecar"}


async def test_a_rollback_to_the_running_digest_is_refused(world: World) -> None:
    forward = await registered(world, "v1.1.0", "v1.0.0", intent=1)
    runs = [{"task": "web/server", "image": "", "identity": "", "tag": "v1.0.0", "digest": digest_of("v1.0.0")}]
    await world.rows("UPDATE watches SET specified = $1 WHERE name = 'app'", runs)
    await world.rows("UPDATE targets SET job_read_at = clock_timestamp()")
    with pytest.raises(Rejected, match="already runs"):
        await rollouts.rollback(world.operator, forward, by="ann")
    await world.rows("INSERT INTO failures VALUES ('app', $1, $2)", digest_of("v1.0.0"), forward)
    assert (await rollouts.rollback(world.operator, forward, by="ann")).rollout_id is not None


async def test_a_release_makes_the_other_jobs_of_the_repository_due(world: World) -> None:
    failed = await registered(world, "v1.1.0", "v1.0.0", intent=1)
    await world.rows("INSERT INTO failures VALUES ('app', $1, $2)", digest_of("v1.1.0"), failed)
    assert (await world.watch()).failed == (digest_of("v1.1.0"),)
    reply = await watches.release_hold(world.operator, "app", by="ann")
    assert reply.message == f"v1.1.0 {digest_of('v1.1.0')} may be tried again"
    assert (await world.watch()).failed == ()
    due = await world.rows("SELECT target_id FROM wakes ORDER BY target_id")
    assert len(due) == 2
    assert sorted(world.waker.wakes) == [("reconcile", str(row["target_id"])) for row in due]
    with pytest.raises(Rejected):
        await watches.release_hold(world.operator, "app", by="ann")


async def test_a_release_of_nothing_writes_nothing(world: World) -> None:
    before = await world.everything()
    with pytest.raises(Rejected):
        await watches.release_hold(world.operator, "app", by="ann")
    assert await world.everything() == before
    assert world.waker.wakes == []


async def test_a_release_ends_the_hold_of_a_rollback(world: World) -> None:
    await rollouts.rollback(world.operator, await registered(world, "v1.1.0", "v1.0.0", intent=1), by="ann")
    world.waker.wakes.clear()
    reply = await watches.release_hold(world.operator, "app", by="ann")
    assert reply.message == "what was rolled back may be deployed again"
    assert (await world.watch()).rolled_back_at is None
    assert len(world.waker.wakes) == 1
