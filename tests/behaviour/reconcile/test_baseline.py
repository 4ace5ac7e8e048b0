"""What counts as running: the baseline of bare tags on the day of migration, several tasks, indexes, spellings."""

import pytest

from app.simulators.nomad import sample_job
from tests.line import Line


async def _taken_over(running: Line, *, pinned_tag: str, auto_deploy: bool) -> None:
    await running.rows.add_predecessors_rule("app", pinned_tag=pinned_tag, auto_deploy=auto_deploy)


@pytest.mark.parametrize("pinned_tag", ["", "v1.0.0"])
@pytest.mark.parametrize("auto_deploy", [True, False])
async def test_a_migration_restarts_nothing(running: Line, pinned_tag: str, auto_deploy: bool) -> None:
    await _taken_over(running, pinned_tag=pinned_tag, auto_deploy=auto_deploy)
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    await running.poll()
    await running.make_due_and_wake()
    await running.quiet()
    assert running.images("app") == []


@pytest.mark.parametrize("pinned_tag", ["", "v1.0.0"])
async def test_a_change_made_while_it_was_off_is_deployed_when_switched_on(running: Line, pinned_tag: str) -> None:
    await _taken_over(running, pinned_tag=pinned_tag, auto_deploy=False)
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    changed = await running.push("app", "v1.0.0", "other bytes")
    await running.held("app", "auto_deploy_off")
    assert running.images("app") == []
    await running.switch("app", on=True)
    await running.deployed("app", f"team/app:v1.0.0@{changed}")


async def test_a_digest_runs_only_when_all_selected_tasks_run_it(running: Line) -> None:
    first = await running.push("app", "v1.0.0", notify=False)
    second = await running.push("app", "v1.1.0", notify=False)
    job = sample_job("app", f"{running.host}/team/app:v1.1.0@{second}", group="one")
    other = sample_job("app", f"{running.host}/team/app:v1.0.0@{first}", group="two")
    job["TaskGroups"] += other["TaskGroups"]
    running.nomad.seed(job)
    await running.configure(running.watch("app"))
    await running.until(lambda: running.nomad.ledger.entries(job="app"), "the lagging group is brought up")
    await running.quiet()
    (entry,) = running.nomad.ledger.entries(job="app")
    assert set(entry.images.values()) == {f"{running.host}/team/app:v1.1.0@{second}"}
    assert entry.metas == {}


async def test_a_watch_with_a_group_leaves_the_others_alone(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    job = sample_job("app", f"{running.host}/team/app:v1.0.0", group="one")
    job["TaskGroups"] += sample_job("app", f"{running.host}/team/app:v1.0.0", group="two")["TaskGroups"]
    running.nomad.seed(job)
    await running.configure(running.watch("app", group="two"))
    await running.held("app", "up_to_date")
    second = await running.push("app", "v1.1.0")
    await running.until(lambda: running.nomad.ledger.entries(job="app"), "v1.1.0 is registered")
    (entry,) = running.nomad.ledger.entries(job="app")
    assert entry.images == {
        ("one", "server"): f"{running.host}/team/app:v1.0.0",
        ("two", "server"): f"{running.host}/team/app:v1.1.0@{second}",
    }


async def test_the_highest_running_counts_for_a_downgrade(running: Line) -> None:
    first = await running.push("app", "v1.0.0", notify=False)
    await running.push("app", "v1.1.0", notify=False)
    job = sample_job("app", f"{running.host}/team/app:v1.2.0", group="one")
    job["TaskGroups"] += sample_job("app", f"{running.host}/team/app:v1.0.0@{first}", group="two")["TaskGroups"]
    running.nomad.seed(job)
    await running.configure(running.watch("app"))
    assert "downgrade from v1.2.0" in await running.held("app", "downgrade")


async def test_a_child_of_the_index_runs_the_image(running: Line) -> None:
    running.registry.push("team/app", "v1.0.0", content="many", platforms=("linux/amd64", "linux/arm64"))
    child = running.child_digest("team/app", "v1.0.0")
    running.job("app", f":v1.0.0@{child}")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    assert (await running.outcome(await running.reset("app")))[0] == "succeeded"
    assert running.images("app") == []
    index = running.registry.push("team/app", "v1.0.0", content="others", platforms=("linux/amd64", "linux/arm64"))
    await running.poll()
    await running.deployed("app", f"team/app:v1.0.0@{index}")


async def test_the_digest_of_a_multi_platform_tag_is_the_index(running: Line) -> None:
    await running.start()
    index = running.registry.push("team/app", "v1.1.0", content="many", platforms=("linux/amd64", "linux/arm64"))
    await running.poll()
    await running.deployed("app", f"team/app:v1.1.0@{index}")


@pytest.mark.parametrize(("running_tag", "deployed"), [("1.0.0", "1.1.0"), ("v1.0.0", "v1.2.0"), ("latest", "v1.2.0")])
async def test_releases_in_another_spelling_are_not_followed(running: Line, running_tag: str, deployed: str) -> None:
    await running.push("app", running_tag, notify=False)
    running.job("app", f":{running_tag}")
    await running.configure(running.watch("app"))
    await running.checked("app")
    await running.push("app", "v1.2.0", notify=False)
    digest = await running.push("app", "1.1.0", notify=False)
    if deployed == "v1.2.0":
        digest = await running.push("app", "v1.2.0", notify=False)
    await running.poll()
    await running.deployed("app", f"team/app:{deployed}@{digest}")


async def test_tags_that_are_no_releases_are_ignored(running: Line) -> None:
    await running.start()
    for tag in ("v1.1.0-rc.1", "v1.1.0_build", "v1.1.0-build", "v1.1", "v1.1.0.0", "1.1.0", "v01.1.0"):
        await running.push("app", tag)
    await running.quiet()
    assert running.images("app") == []
    message = await running.held("app", "up_to_date")
    assert message.startswith("v1.0.0 runs; v1.1.0-rc.1 is newer by its numbers and no release (pre-release rc.1)")


async def test_a_recreated_job_gets_a_new_baseline(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    running.nomad.stop("app", purge=True)
    await running.make_due_and_wake()
    await running.held("app", "unusable")
    running.job("app", ":v1.1.0")
    changed = await running.push("app", "v1.1.0", "other bytes", notify=False)
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    assert (await running.rows.expected())["app/server"].endswith("/team/app:v1.1.0")
    assert list((await running.rows.digests()).values()) == [changed]
    assert len(running.images("app")) == 1
