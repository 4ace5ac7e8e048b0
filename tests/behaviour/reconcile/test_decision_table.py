"""The table of docs/decisions.md, row by row, from the registry through the decision to Nomad.

The number in a test's name is the row.
"""

from dataclasses import replace

import pytest

from app.domain.watch import JobPlace
from app.simulators.nomad import Timing, sample_job
from tests.default_settings import RECONCILE_DEFAULTS
from tests.line import SLOW, Line, line


@pytest.mark.parametrize(
    ("fields", "fix"),
    [
        ({"Stop": True}, "stopped"),
        ({"ParentID": "parent"}, "launched by 'parent'"),
        ({"Multiregion": {"Regions": [{"Name": "global"}]}}, "multiregion"),
        ({"task": "other"}, "no task 'server'"),
    ],
)
async def test_1_an_unusable_job_is_held_with_the_fix(running: Line, fields: dict[str, object], fix: str) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v0.9.0", **fields)
    await running.configure(running.watch("app"))
    assert fix in await running.held("app", "unusable")
    assert running.images("app") == []


async def test_1_an_absent_job_is_waited_for(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    await running.configure(running.watch("app"))
    assert "register it once" in await running.held("app", "unusable")
    running.job("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")


@pytest.mark.parametrize(
    ("image", "fix"),
    [
        ("elsewhere.example/team/app:v0.9.0", "correct the configuration or the job"),
        ("${NOMAD_META_image}", "interpolated"),
        ("", "no image"),
    ],
)
async def test_1_an_image_that_cannot_be_followed_is_held(running: Line, image: str, fix: str) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.nomad.seed(sample_job("app", image))
    await running.configure(running.watch("app"))
    assert fix in await running.held("app", "unusable")
    assert running.images("app") == []


async def test_1_a_command_for_an_unusable_job_is_refused_with_the_fix(running: Line) -> None:
    await running.start()
    running.nomad.stop("app")
    outcome, reason = await running.outcome(await running.deploy("app", "v1.0.0"))
    assert (outcome, "run it again in Nomad" in reason) == ("refused", True)


async def test_2_a_manual_deploy_ignores_what_runs(running: Line) -> None:
    digest = await running.start(tag="v2.0.0")
    await running.switch("app", on=False)
    await running.pause()
    old = await running.push("app", "v1.0.0", notify=False)
    assert (await running.outcome(await running.deploy("app", "v1.0.0")))[0] == "succeeded"
    assert (await running.outcome(await running.deploy("app", "")))[0] == "succeeded"
    assert running.images("app") == [f"team/app:v1.0.0@{old}", f"team/app:v2.0.0@{digest}"]


async def test_2_a_reset_deploys_only_an_image_that_does_not_run(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    assert (await running.outcome(await running.reset("app")))[0] == "succeeded"
    assert running.images("app") == []
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def test_2_a_deploy_of_a_tag_that_has_gone_is_refused(running: Line) -> None:
    await running.start()
    await running.push("app", "test", notify=False)
    running.nomad_answers(500)
    requested = await running.deploy("app", "test")
    running.registry.delete_tag("team/app", "test")
    outcome, reason = await running.outcome(requested)
    assert (outcome, reason) == ("refused", "the registry no longer has test; push it again, or deploy another tag")
    assert running.images("app") == []


async def test_3_without_a_matching_tag_nothing_changes(running: Line) -> None:
    await running.push("app", "latest", notify=False)
    running.job("app", ":latest")
    await running.configure(running.watch("app"))
    assert "no release tag" in await running.held("app", "no_matching_tag")
    assert running.images("app") == []


async def test_3_a_pinned_tag_that_has_gone_changes_nothing(running: Line) -> None:
    await running.start()
    await running.push("app", "test", notify=False)
    await running.outcome(await running.deploy("app", "test"))
    running.registry.delete_tag("team/app", "test")
    await running.poll()
    assert "no tag test" in await running.held("app", "no_matching_tag")
    back = await running.push("app", "test", "other")
    await running.deployed("app", f"team/app:test@{back}")
    assert len(running.images("app")) == 2


async def test_4_a_running_rollout_is_waited_for(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    second = await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is registered")
    third = await running.push("app", "v1.2.0")
    assert "is under way" in await running.held("app", "busy")
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.deployed("app", f"team/app:v1.2.0@{third}")
    assert running.images("app") == [f"team/app:v1.1.0@{second}", f"team/app:v1.2.0@{third}"]


async def test_4_a_foreign_deployment_is_waited_for(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    running.nomad.scale("app", count=2)
    second = await running.push("app", "v1.1.0")
    assert "a Nomad deployment is active" in await running.held("app", "busy")
    assert running.images("app") == []
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def test_4_a_manual_deploy_does_not_wait_for_a_foreign_deployment(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    running.nomad.scale("app", count=2)
    second = await running.push("app", "v1.1.0")
    await running.held("app", "busy")
    running.nomad.set_timing(Timing())
    assert (await running.outcome(await running.deploy("app", "v1.1.0")))[0] == "succeeded"
    assert running.images("app") == [f"team/app:v1.1.0@{second}"]


async def test_6_the_desired_image_runs_already(running: Line) -> None:
    await running.start()
    await running.push("app", "v1.0.0")
    await running.quiet()
    assert await running.held("app", "up_to_date") == "v1.0.0 runs"
    assert running.images("app") == []


async def test_7_an_update_is_held_while_auto_deploy_is_off(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    second = await running.push("app", "v1.1.0")
    assert "v1.1.0 is deployed when it is switched on" in await running.held("app", "auto_deploy_off")
    assert running.images("app") == []
    await running.switch("app", on=True)
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def test_8_nothing_is_deployed_while_everything_is_paused(running: Line) -> None:
    await running.start()
    await running.pause()
    second = await running.push("app", "v1.1.0")
    assert "would deploy v1.1.0" in await running.held("app", "paused")
    assert running.images("app") == []
    await running.pause(paused=False)
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def test_9_an_observing_watch_shows_the_image_that_it_would_deploy(running: Line) -> None:
    await running.start(observe_only=True)
    second = await running.push("app", "v1.1.0")
    assert "would deploy v1.1.0" in await running.held("app", "observe_only")
    assert running.images("app") == []
    assert (await running.outcome(await running.deploy("app", "v1.1.0")))[0] == "succeeded"
    assert running.images("app") == [f"team/app:v1.1.0@{second}"]


async def test_12_a_lower_release_is_not_deployed(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    await running.push("app", "v2.0.0", notify=False)
    running.job("app", ":v2.0.0")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    running.registry.delete_tag("team/app", "v2.0.0")
    await running.poll()
    assert "downgrade from v2.0.0" in await running.held("app", "downgrade")
    assert running.images("app") == []


@pytest.mark.parametrize("image", [":latest", "@"])
async def test_13_a_running_image_that_is_no_release_holds(running: Line, image: str) -> None:
    bare = await running.push("app", "latest", notify=False)
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", image + bare if image == "@" else image)
    await running.configure(running.watch("app"))
    await running.held("app", "not_a_release")
    await running.push("app", "v0.9.0")
    await running.quiet()
    assert running.images("app") == []
    second = await running.push("app", "v1.0.1")
    await running.deployed("app", f"team/app:v1.0.1@{second}")


async def test_13_a_manual_deploy_starts_following(running: Line) -> None:
    await running.push("app", "latest", notify=False)
    first = await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":latest")
    await running.configure(running.watch("app"))
    await running.held("app", "not_a_release")
    await running.outcome(await running.deploy("app", ""))
    assert running.images("app") == [f"team/app:v1.0.0@{first}"]
    second = await running.push("app", "v1.0.1")
    await running.deployed("app", f"team/app:v1.0.1@{second}")


async def test_16_the_changed_digest_of_the_highest_release_is_deployed(running: Line) -> None:
    await running.start()
    changed = await running.push("app", "v1.0.0", "other bytes")
    await running.deployed("app", f"team/app:v1.0.0@{changed}")
    assert await running.notifications("digest_changed") == [
        "app v1.0.0: the digest changed: the digest behind v1.0.0 changed"
    ]


async def test_a_decision_is_stored_when_it_differs_and_counted_when_not(running: Line) -> None:
    await running.start()
    before = await running.rows.decision_counts()
    for _ in range(3):
        await running.make_due_and_wake()
        await running.quiet()
    after = await running.rows.decision_counts()
    assert [decision for decision, _ in after] == [decision for decision, _ in before]
    assert after[-1][1] == before[-1][1] + 3


async def test_a_watch_may_be_in_a_namespace(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", namespace="prod")
    await running.configure(running.watch("app", place=JobPlace(region="", namespace="prod", job_id="app")))
    await running.held("app", "up_to_date")
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def test_4_a_foreign_deployment_without_progress_is_not_waited_for(database_url: str) -> None:
    async with line(database_url, look_settings=replace(RECONCILE_DEFAULTS, stall_after=1.0)) as running:
        await running.start()
        running.nomad.set_timing(SLOW)
        running.nomad.scale("app", count=2)
        second = await running.push("app", "v1.1.0")
        await running.held("app", "busy")
        running.nomad.set_timing(Timing())
        await running.deployed("app", f"team/app:v1.1.0@{second}")
