"""What a pass writes besides its decisions: a launch, or an end; and when it is void."""

from dataclasses import replace
from uuid import UUID

import pytest

from app.services.reconcile.result import Result
from tests.integration.reconcile.launched import JOB, LAUNCH, ROLLOUTS, SUPERSEDED, waiting
from tests.integration.reconcile.target import D2, IMAGE, Around


async def test_a_launch_is_stored_and_keeps_the_lease(around: Around) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET outage = 'away'")
    claimed = await around.claim(target)
    written = await around.store.settle(claimed, Result(job=JOB, job_read=True, launch=LAUNCH, poll_in=600.0))
    stored = await around.target(target)
    assert (written.due_in, written.overtaken, written.woken) == (None, False, ())
    assert (stored["lease_token"], stored["due_in"] <= 0, stored["outage"]) == (claimed.token, True, "away")
    assert (stored["job_index"], stored["job_create_index"]) == (7, 3)
    assert await around.value("SELECT poll_at > now() + interval '5 minutes' FROM targets")
    rollout = await around.row(ROLLOUTS)
    assert (rollout["rollout_id"], rollout["target_id"], rollout["expected_index"]) == (UUID(int=5), target, 7)
    assert rollout["changes"][0]["image"] == IMAGE


async def test_a_job_that_was_not_read_is_not_written(around: Around) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET job_index = 4, poll_at = now()")
    await around.store.settle(await around.claim(target), Result())
    stored = await around.target(target)
    assert (stored["job_index"], stored["job_read_at"]) == (4, None)
    assert await around.value("SELECT poll_at <= now() FROM targets")


OVERTAKES = {
    "a command": "UPDATE watches SET commanded_at = now()",
    "a pause": "UPDATE switches SET paused = true",
    "a request": "INSERT INTO rollouts (rollout_id, target_id, intent, origin) "
    "SELECT gen_random_uuid(), target_id, 8, 'deploy' FROM targets",
}


@pytest.mark.parametrize("overtakes", OVERTAKES)
async def test_a_launch_is_void_if_somebody_came_meanwhile(around: Around, overtakes: str) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET attempts = 2, polled = true")
    claimed = await around.claim(target)
    await around.run(OVERTAKES[overtakes])
    written = await around.store.settle(claimed, Result(launch=LAUNCH))
    stored = await around.target(target)
    assert (written.overtaken, written.due_in, written.decided) == (True, 0.0, frozenset())
    assert (stored["lease_token"], stored["inspect_job"], stored["attempts"], stored["polled"]) == (None, True, 2, True)
    assert stored["due_in"] <= 0
    assert await around.value("SELECT count(*) FROM rollouts WHERE rollout_id = $1", LAUNCH.rollout_id) == 0


async def test_a_pass_that_only_holds_is_written_whoever_came(around: Around) -> None:
    target = await around.add()
    claimed = await around.claim(target)
    await around.run(OVERTAKES["a command"])
    assert not (await around.store.settle(claimed, Result())).overtaken


async def test_an_end_is_written_and_wakes_who_waits_longest(around: Around) -> None:
    target, other = await around.add(), await waiting(around)
    await around.add_rollout(target)
    written = await around.store.settle(await around.claim(target), Result(job=JOB, job_read=True, ended=SUPERSEDED))
    rollout = await around.row(ROLLOUTS)
    assert (rollout["state"], rollout["outcome"], rollout["reason"]) == ("ended", "superseded", "never registered")
    assert written.woken == (other,)
    (in_flight,) = await around.value("SELECT in_flight FROM watches WHERE name = 'app'")
    assert (in_flight["index"], in_flight["digest"]) == (7, D2)  # the job is still where the patch expects it


async def test_a_patch_that_can_no_longer_arrive_is_not_kept(around: Around) -> None:
    target = await around.add()
    await around.add_rollout(target)
    moved = Result(job=replace(JOB, index=8), job_read=True, ended=SUPERSEDED)
    await around.store.settle(await around.claim(target), moved)
    assert await around.value("SELECT in_flight FROM watches") == []


async def test_a_pass_without_an_end_wakes_nobody(around: Around) -> None:
    target = await around.add()
    await waiting(around)
    assert (await around.store.settle(await around.claim(target), Result())).woken == ()


async def test_a_rollout_that_is_queued_gives_its_patch_up(around: Around) -> None:
    target = await around.add()
    await around.add_rollout(target)
    result = Result(job=replace(JOB, index=8), job_read=True, queued=True, requeue_in=30.0)
    await around.store.settle(await around.claim(target), result)
    rollout = await around.row(ROLLOUTS)
    assert (rollout["state"], rollout["expected_index"], rollout["changes"]) == ("requested", None, [])


async def test_a_rollout_that_goes_on_keeps_its_patch(around: Around) -> None:
    target = await around.add()
    await around.add_rollout(target)
    await around.store.settle(await around.claim(target), Result(job=JOB, job_read=True))
    assert (await around.row(ROLLOUTS))["expected_index"] == 7
    assert await around.value("SELECT in_flight FROM watches") == []
