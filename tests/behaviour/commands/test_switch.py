"""auto_deploy off and on, and the global pause: nothing is deployed while off; on, the newest is deployed at once."""

import pytest

from app.domain.watch import DeployBy
from app.services.wakeup.wake import RECONCILE
from tests.line import Line, line, world


@pytest.mark.parametrize("notify", [True, False])
async def test_a_push_while_auto_deploy_is_off_is_deployed_once_it_is_on(running: Line, notify: bool) -> None:
    await running.start()
    await running.switch("app", on=False)
    for minor in range(1, 4):
        digest = await running.push("app", f"v1.{minor}.0", notify=notify)
        await running.poll()
    await running.quiet()
    assert running.images("app") == []
    woken = len(running.waker.wakes)
    await running.switch("app", on=True)
    assert RECONCILE in [actor for actor, _ in running.waker.wakes[woken:]], "it waits for no poll and no sweep"
    await running.until(lambda: running.images("app") == [f"team/app:v1.3.0@{digest}"], "the newest is deployed")
    assert await running.notifications("auto_deploy_toggled") == [
        "Turned off auto deployment for repo app: by somebody",
        "Turned on auto deployment for repo app: by somebody",
    ]


async def test_a_pinned_tag_waits_while_auto_deploy_is_off(running: Line) -> None:
    await running.start()
    first = await running.push("app", "test", notify=False)
    await running.outcome(await running.deploy("app", "test"))
    await running.switch("app", on=False)
    await running.push("app", "test", "other bytes")
    await running.held("app", "auto_deploy_off")
    assert running.images("app") == [f"team/app:test@{first}"]
    await running.switch("app", on=True)
    await running.until(lambda: len(running.images("app")) == 2, "the changed digest is deployed")


async def test_a_digest_that_was_found_while_auto_deploy_is_off_does_not_count_as_deployed(running: Line) -> None:
    """The job names the tag alone, so that only our records say which digest it runs."""
    await running.start(deploy_by=DeployBy.TAG)
    await running.switch("app", on=False)
    for content in ("second", "third"):
        await running.push("app", "v1.0.0", content)
        await running.held("app", "auto_deploy_off")
        await running.make_due_and_wake()
        await running.quiet()
        assert (await running.hold("app"))[0] == "auto_deploy_off"
    assert running.images("app") == []
    await running.switch("app", on=True)
    await running.deployed("app", "team/app:v1.0.0")


async def test_an_update_waits_for_auto_deploy_across_a_restart(database_url: str) -> None:
    with world() as around:
        async with line(database_url, around=around) as before:
            await before.start()
            await before.switch("app", on=False)
            await before.push("app", "v1.1.0")
            await before.held("app", "auto_deploy_off")
            await before.quiet()
        async with line(database_url, around=around) as after:
            await after.configure(*before.watches)
            await after.quiet()
            assert after.images("app") == []
            await after.switch("app", on=True)
            await after.until(lambda: len(after.images("app")) == 1, "v1.1.0 is deployed")


async def test_a_command_is_executed_although_every_wake_is_lost(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    await running.push("app", "v1.1.0")
    await running.held("app", "auto_deploy_off")
    await running.quiet()
    steps, running.waker.steps = running.waker.steps, {}
    await running.switch("app", on=True)
    assert await running.rows.woken_jobs() == ["app"], "the next sweep finds it"
    running.waker.steps = steps
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is deployed")


async def test_resuming_deploys_the_newest_of_every_watch(running: Line) -> None:
    for name in ("one", "two"):
        await running.push(name, "v1.0.0", notify=False)
        running.job(name, ":v1.0.0")
    await running.configure(running.watch("one"), running.watch("two"))
    await running.held("one", "up_to_date")
    await running.held("two", "up_to_date")
    await running.pause()
    digests = {name: await running.push(name, "v1.1.0") for name in ("one", "two")}
    await running.held("one", "paused")
    await running.held("two", "paused")
    await running.pause(paused=False)
    for name, digest in digests.items():
        await running.deployed(name, f"team/{name}:v1.1.0@{digest}")


async def test_a_redeploy_does_not_pin_a_watch_that_follows(running: Line) -> None:
    await running.start()
    await running.outcome(await running.deploy("app", ""))
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
