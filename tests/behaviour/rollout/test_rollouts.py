"""Rollouts: one at a time, how they change the job, and how each ends."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from app.domain.watch import DeployBy
from app.simulators.nomad import Fate, Timing, sample_job
from tests.default_settings import PATIENCE_DEFAULTS
from tests.line import SLOW, Line, line


async def test_automatic_rollouts_collapse_to_the_newest(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    first = await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is registered")
    for minor in range(2, 8):
        last = await running.push("app", f"v1.{minor}.0")
    await running.held("app", "busy")
    assert len(running.images("app")) == 1
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.deployed("app", f"team/app:v1.7.0@{last}")
    assert running.images("app") == [f"team/app:v1.1.0@{first}", f"team/app:v1.7.0@{last}"]
    assert await running.outcomes() == ["succeeded", "succeeded"]


async def test_a_manual_deploy_supersedes_at_once(running: Line) -> None:
    await running.start()
    old = await running.push("app", "v0.9.0", notify=False)
    running.nomad.set_timing(SLOW)
    await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is registered")
    running.nomad.set_timing(Timing())
    assert (await running.outcome(await running.deploy("app", "v0.9.0")))[0] == "succeeded"
    assert running.images("app")[-1] == f"team/app:v0.9.0@{old}"
    assert await running.outcomes() == ["superseded", "succeeded"]


async def test_a_repeated_command_is_the_same_rollout_while_it_is_active(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    idempotency_key = await running.deploy("app", "v1.0.0")
    await running.until(lambda: len(running.images("app")) == 1, "it is registered")
    assert await running.deploy("app", "v1.0.0") == idempotency_key
    running.nomad.skip(3600)
    assert (await running.outcome(idempotency_key))[0] == "succeeded"
    running.nomad.set_timing(Timing())
    again = await running.deploy("app", "v1.0.0")
    assert again != idempotency_key
    assert (await running.outcome(again))[0] == "succeeded"
    assert len(running.images("app")) == 2


async def two_watches_of_one_job(running: Line) -> None:
    """Job "both" runs v1.0.0 of web and, beside it, of side."""
    for name in ("web", "side"):
        await running.push(name, "v1.0.0", notify=False)
    job = sample_job("both", f"{running.host}/team/web:v1.0.0")
    sidecar = sample_job("both", f"{running.host}/team/side:v1.0.0", task="sidecar")
    job["TaskGroups"][0]["Tasks"] += sidecar["TaskGroups"][0]["Tasks"]
    running.nomad.seed(job)
    await running.configure(running.watch("web", job="both"), running.watch("side", job="both", task="sidecar"))
    await running.held("web", "up_to_date")
    await running.held("side", "up_to_date")


async def test_all_watches_of_a_target_go_in_one_registration(running: Line) -> None:
    await two_watches_of_one_job(running)
    running.nomad.set_timing(SLOW)
    await running.push("web", "v1.1.0")
    await running.until(lambda: len(running.nomad.ledger.entries(job="both")) == 1, "one is registered")
    web = await running.push("web", "v1.2.0")
    side = await running.push("side", "v2.0.0")
    await running.held("side", "busy")
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.until(lambda: len(running.nomad.ledger.entries(job="both")) == 2, "both go together")
    await running.quiet()
    _, entry = running.nomad.ledger.entries(job="both")
    assert entry.images == {
        ("app", "server"): f"{running.host}/team/web:v1.2.0@{web}",
        ("app", "sidecar"): f"{running.host}/team/side:v2.0.0@{side}",
    }
    assert len(running.nomad.ledger.entries(job="both")) == 2


async def test_a_command_for_one_watch_includes_the_other_watch_of_its_job(running: Line) -> None:
    await two_watches_of_one_job(running)
    web = await running.push("web", "v1.1.0", notify=False)
    requested = await running.deploy("side", "v1.0.0")
    assert (await running.outcome(requested))[0] == "succeeded"
    (entry,) = running.nomad.ledger.entries(job="both")
    assert entry.images["app", "server"] == f"{running.host}/team/web:v1.1.0@{web}"
    assert await running.rows.watches_of(requested) == ["side", "web"]


async def test_a_rollout_of_two_watches_keeps_the_part_that_is_still_possible(running: Line) -> None:
    await two_watches_of_one_job(running)
    gone = await running.push("web", "test", notify=False)
    side = await running.push("side", "test", notify=False)
    running.nomad_answers(500, times=4)
    await running.deploy("web", "test")
    requested = await running.deploy("side", "test")
    running.registry.delete_tag("team/web", "test")
    assert (await running.outcome(requested))[0] == "succeeded"
    (entry,) = running.nomad.ledger.entries(job="both")
    assert entry.images["app", "sidecar"] == f"{running.host}/team/side:test@{side}"
    assert await running.rows.watches_of(requested) == ["side"]
    assert gone not in str(await running.rows.digest_tags("web"))


async def test_a_forced_redeploy_carries_a_marker_and_nothing_else_changes(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    before = running.nomad.job("app")
    await running.outcome(await running.deploy("app", ""))
    after = running.nomad.job("app")
    assert running.images("app") == [f"team/app:v1.1.0@{second}"] * 2
    assert running.markers("app") == [False, True]
    assert before["Meta"] == after["Meta"]
    assert before["TaskGroups"][0]["Tasks"][0]["Config"] == after["TaskGroups"][0]["Tasks"][0]["Config"]


@pytest.mark.parametrize(
    ("driver", "deploy_by", "image", "force_pull"),
    [
        ("docker", DeployBy.DIGEST, "team/app:v1.1.0@{digest}", None),
        ("containerd-driver", DeployBy.DIGEST, "team/app:v1.1.0@{digest}", None),
        ("podman", DeployBy.DIGEST, "team/app@{digest}", None),
        ("docker", DeployBy.TAG, "team/app:v1.1.0", True),
        ("containerd-driver", DeployBy.TAG, "team/app:v1.1.0", None),
        ("podman", DeployBy.TAG, "team/app:v1.1.0", True),
    ],
)
async def test_the_reference_is_written_in_the_form_of_the_driver(
    running: Line, driver: str, deploy_by: DeployBy, image: str, force_pull: bool | None
) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", driver=driver)
    await running.configure(running.watch("app", deploy_by=deploy_by))
    await running.held("app", "up_to_date")
    digest = await running.push("app", "v1.1.0")
    await running.deployed("app", image.format(digest=digest))
    await running.held("app", "up_to_date")
    assert running.nomad.job("app")["TaskGroups"][0]["Tasks"][0]["Config"].get("force_pull") is force_pull
    assert running.markers("app") == [deploy_by is DeployBy.TAG]


async def test_a_new_digest_of_a_watch_by_tag_is_another_deploy(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0")
    await running.configure(running.watch("app", deploy_by=DeployBy.TAG))
    await running.held("app", "up_to_date")
    for content in ("second", "third", "second"):
        await running.push("app", "v1.0.0", content)
        await running.quiet()
    assert running.images("app") == ["team/app:v1.0.0"] * 3
    assert running.markers("app") == [True, True, True]


async def test_the_spelling_found_in_the_job_is_kept(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    upper = running.host.replace("127.0.0.1", "LOCALHOST")
    running.nomad.seed(sample_job("app", f"https://{upper}/team/app:v1.0.0"))
    await running.configure(running.watch("app", host=upper))
    await running.held("app", "up_to_date")
    second = await running.push("app", "v1.1.0", notify=False)
    await running.poll()
    await running.until(lambda: running.nomad.ledger.entries(job="app"), "v1.1.0 is registered")
    (entry,) = running.nomad.ledger.entries(job="app")
    assert list(entry.images.values()) == [f"https://{upper}/team/app:v1.1.0@{second}"]


@pytest.mark.parametrize("image", ["app:v1.0.0", "index.docker.io/library/app:v1.0.0", "docker.io/app:v1.0.0"])
async def test_all_names_of_docker_hub_are_equal(running: Line, image: str) -> None:
    running.registry.push("library/app", "v1.0.0", content="first")
    running.nomad.seed(sample_job("app", image))
    await running.configure(running.watch("app", host="registry-1.docker.io", path="app"))
    await running.held("app", "up_to_date")
    digest = running.registry.push("library/app", "v1.1.0", content="second")
    await running.poll()
    await running.until(lambda: running.nomad.ledger.entries(job="app"), "v1.1.0 is registered")
    (entry,) = running.nomad.ledger.entries(job="app")
    assert list(entry.images.values()) == [f"{image.replace('v1.0.0', 'v1.1.0')}@{digest}"]


async def test_a_tag_that_returns_to_its_previous_digest_is_deployed(running: Line) -> None:
    await running.start()
    first = await running.push("app", "test", "one", notify=False)
    await running.outcome(await running.deploy("app", "test"))
    second = await running.push("app", "test", "two")
    await running.deployed("app", f"team/app:test@{second}")
    await running.push("app", "test", "one")
    await running.deployed("app", f"team/app:test@{first}")
    assert running.images("app") == [f"team/app:test@{each}" for each in (first, second, first)]


async def test_each_return_of_a_tag_to_a_digest_is_a_rollout_of_its_own(running: Line) -> None:
    await running.start()
    for content in ("one", "two", "one", "two"):
        digest = await running.push("app", "v1.1.0", content)
        await running.deployed("app", f"team/app:v1.1.0@{digest}")
    assert await running.outcomes() == ["succeeded"] * 4


async def test_a_tag_that_moves_back_and_forth_ends_on_its_last_digest(running: Line) -> None:
    await running.start()
    first = await running.push("app", "test", "one", notify=False)
    await running.outcome(await running.deploy("app", "test"))
    for content in ("two", "one", "two", "one"):
        await running.push("app", "test", content)
        await asyncio.sleep(0)
    await running.quiet()
    assert running.images("app")[-1] == f"team/app:test@{first}"
    images = running.images("app")
    assert all(now != before for before, now in pairwise(images))


async def test_a_periodic_job_takes_effect_at_its_next_launch(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", kind="batch", Periodic={"Enabled": True, "Spec": "@daily", "SpecType": "cron"})
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert await running.outcomes() == ["effective_at_next_launch"]


async def test_a_batch_job_succeeds_when_it_completes(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", kind="batch")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert await running.outcomes() == ["succeeded"]


async def test_a_rollout_without_progress_is_stalled_and_superseded(database_url: str) -> None:
    async with line(database_url, patience=replace(PATIENCE_DEFAULTS, stall_after=0.3, grace=0.1)) as running:
        await running.start()
        running.nomad.set_timing(SLOW)
        await running.push("app", "v1.1.0")

        async def stalled() -> bool:
            return await running.outcomes() == ["stalled"]

        await running.until(stalled, "the rollout is given up")
        running.nomad.set_timing(Timing())
        third = await running.push("app", "v1.2.0")
        await running.deployed("app", f"team/app:v1.2.0@{third}")


@pytest.mark.parametrize(("purge", "reason"), [(False, "stopped"), (True, "purged")])
async def test_stopping_the_job_ends_its_rollout(running: Line, purge: bool, reason: str) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is registered")
    running.nomad.stop("app", purge=purge)
    await running.held("app", "unusable")
    assert await running.outcomes() == ["stopped"]
    assert reason in (await running.notifications("ended"))[0]
    assert not await running.rows.has_failures()


async def test_a_foreign_registration_supersedes_our_rollout(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is registered")
    running.nomad.set_timing(Timing())
    running.change_outside("app", ":v1.0.0")
    await running.held("app", "drifted")
    assert await running.outcomes() == ["superseded"]


async def test_a_failed_rollout_names_its_cause_and_the_version_that_nomad_reverted_to(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0", auto_revert=True)
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    running.nomad.judge("v1.1.0", Fate.PULL_FAILS, "manifest unknown")
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    (notification,) = await running.notifications("failed")
    assert "rolling back to job version 0" in notification
    assert "manifest unknown" in notification


async def test_a_command_during_a_registration_is_executed(running: Line) -> None:
    await running.start()
    old = await running.push("app", "v0.9.0", notify=False)
    running.nomad_hangs(0.4, method="POST")
    await running.push("app", "v1.1.0")

    async def registering() -> bool:
        return any(each["expected_index"] is not None for each in await running.rows.rollouts())

    await running.until(registering, "v1.1.0 is being registered")
    requested = await running.deploy("app", "v0.9.0")
    assert (await running.outcome(requested))[0] == "succeeded"
    await running.quiet()
    assert running.images("app")[-1] == f"team/app:v0.9.0@{old}"


async def test_a_command_during_a_reconcile_is_not_overtaken_by_it(running: Line) -> None:
    await running.start()
    running.nomad_hangs(0.5, method="GET", path="/v1/job/app")
    await running.push("app", "v1.1.0")

    async def reconciling() -> bool:
        return await running.rows.is_leased()

    await running.until(reconciling, "a reconcile is running")
    await running.switch("app", on=False)
    await running.held("app", "auto_deploy_off")
    await running.quiet()
    assert running.images("app") == []
    await running.switch("app", on=True)
    await running.until(lambda: len(running.images("app")) == 1, "it is deployed")
