"""What a claim has of rollouts: the target's open one, and how many of others there are."""

from uuid import UUID

import pytest

from app.domain.job import TaskKey
from app.domain.rollout import Origin
from app.services.reconcile.claim import LaunchItem
from tests.integration.reconcile.target import D1, D2, IMAGE, ITEM, Around


async def test_the_open_rollout_comes_with_its_patch_and_items(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await around.add_ended(target, 1, outcome="succeeded", phase="successful")
    await around.run("UPDATE rollout_watches SET from_digest = $1, from_images = $2", D2, {"app/server": "former"})
    rollout = await around.add_rollout(target, number=2, origin="undo")
    await around.run("UPDATE rollouts SET undoes = $2 WHERE rollout_id = $1", rollout, UUID(int=1))
    await around.add_rollout(other, number=3, watch="other")
    found = (await around.claim(target)).rollout
    assert found is not None
    assert (found.rollout_id, found.origin, found.submitted, found.undoes) == (rollout, Origin.UNDO, False, UUID(int=1))
    assert found.items == (
        LaunchItem(watch="app", tag="v1.1.0", digest=D2, forced=True, former={"app/server": "former"}),
    )
    assert found.patch is not None
    assert found.patch.expected_index == 7
    assert {key: change.image for key, change in found.patch.changes.items()} == {
        TaskKey(group="app", task="server"): IMAGE
    }
    assert not found.awaits_promotion
    beside = (await around.claim(other)).rollout
    assert beside is not None
    assert beside.items[0].former == {}


async def test_the_items_of_an_undo_come_by_name_with_what_each_ran_before(around: Around) -> None:
    target = await around.add("web")
    await around.add("app")
    await around.run("UPDATE watches SET target_id = $1", target)
    for number in (1, 2):
        await around.add_rollout(target, number=number, watch="web")
        await around.run(ITEM, UUID(int=number), "app", D2)
        await around.run("UPDATE rollouts SET ended_at = now(), state = 'ended' WHERE intent = 1")
    await around.run(
        "UPDATE rollout_watches SET from_digest = $1, from_images = jsonb_build_object('app/server', watch_name)", D2
    )
    await around.run("UPDATE rollouts SET undoes = $2 WHERE rollout_id = $1", UUID(int=2), UUID(int=1))
    found = (await around.claim(target)).rollout
    assert found is not None
    assert [(each.watch, each.former) for each in found.items] == [
        ("app", {"app/server": "app"}),
        ("web", {"app/server": "web"}),
    ]


async def test_a_rollout_that_ended_is_not_the_targets(around: Around) -> None:
    target = await around.add()
    await around.add_ended(target, 1, outcome="succeeded", phase="successful")
    assert (await around.claim(target)).rollout is None


async def test_what_another_digest_ran_before_is_no_former_image(around: Around) -> None:
    target = await around.add()
    await around.add_ended(target, 1, outcome="succeeded", phase="successful")
    await around.run("UPDATE rollout_watches SET from_digest = $1, from_images = $2", D1, {"app/server": "former"})
    rollout = await around.add_rollout(target, number=2)
    await around.run("UPDATE rollouts SET undoes = $2 WHERE rollout_id = $1", rollout, UUID(int=1))
    found = (await around.claim(target)).rollout
    assert found is not None
    assert found.items[0].former == {}


@pytest.mark.parametrize("waits", [True, False])
async def test_a_submitted_rollout_may_wait_for_a_person(around: Around, waits: bool) -> None:
    target = await around.add()
    await around.add_rollout(target)
    await around.run(
        "UPDATE rollouts SET state = 'submitted', deployment = $1",
        {"deployment_id": "d", "phase": "active", "description": "", "desired": 1, "placed": 1, "healthy": 1,
         "unhealthy": 0, "canaries": 1, "awaits_promotion": waits},
    )  # fmt: skip
    found = (await around.claim(target)).rollout
    assert found is not None
    assert (found.submitted, found.awaits_promotion) == (True, waits)


async def test_a_rollout_without_a_patch(around: Around) -> None:
    target = await around.add()
    await around.add_rollout(target)
    await around.run("UPDATE rollouts SET expected_index = NULL, changes = '[]'")
    found = (await around.claim(target)).rollout
    assert found is not None
    assert (found.submitted, found.patch) == (False, None)


async def test_the_rollouts_and_the_due_targets_of_others_are_counted(around: Around) -> None:
    target = await around.add()
    others = {
        name: await around.add(name)
        for name in ("active", "second", "bare", "done", "due", "soon", "woken", "called", "last", "left")
    }
    await around.run("UPDATE targets SET due_at = NULL WHERE job_id NOT IN ('app', 'due', 'soon', 'last', 'left')")
    await around.run("UPDATE targets SET queued_last = true WHERE job_id = 'last'")
    await around.run("UPDATE watches SET present = false WHERE name = 'left'")
    for woken in (others["woken"], others["called"], others["last"], others["left"], target):
        await around.run("INSERT INTO wakes (target_id) VALUES ($1)", woken)
    for number, name in enumerate(("active", "second", "bare", "done"), start=1):
        await around.add_rollout(others[name], number=number, watch=name)
    await around.run("UPDATE rollouts SET expected_index = NULL WHERE target_id = $1", others["bare"])
    await around.run("UPDATE rollouts SET ended_at = now() WHERE target_id = $1", others["done"])
    await around.add_rollout(target, number=9)
    found = await around.claim(target)
    assert (found.others_active, found.others_due) == (2, 4)


@pytest.mark.parametrize("due", [12, 6, 0])
async def test_at_most_ten_due_targets_are_counted(around: Around, due: int) -> None:
    """Whether the time has come for them or somebody woke them."""
    target = await around.add()
    others = [await around.add(f"other{number}") for number in range(12)]
    await around.run("UPDATE targets SET due_at = NULL WHERE target_id = ANY($1)", others[due:])
    await around.run("INSERT INTO wakes (target_id) SELECT unnest($1::bigint[])", others[due:])
    assert (await around.claim(target)).others_due == 10
