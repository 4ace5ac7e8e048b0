"""A running image that its registry no longer has: one warning, which ends when the image is pushed again or
replaced."""

from app.simulators.registry import FaultAnswer, RegistryFault
from tests.line import Line

BYTES = "app v1.0.0"


async def _held_update(running: Line, image: str = "") -> str:
    """v1.0.0 runs, by its digest unless `image` says otherwise; v1.1.0 is held. Returns the running digest."""
    digest = await running.push("app", "v1.0.0", notify=False)
    running.job("app", image or f":v1.0.0@{digest}")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")
    await running.quiet()
    await running.switch("app", on=False)
    await running.push("app", "v1.1.0")
    await running.held("app", "auto_deploy_off")
    await running.quiet()
    return digest


async def _missing_image(running: Line) -> str:
    missing_image, since = await running.rows.missing_image()
    assert bool(missing_image) is (since is not None)
    return missing_image


async def _reconcile(running: Line, *, later: bool = True) -> None:
    """Reconcile the job again; `later` moves the last check of the running image back."""
    if later:
        await running.rows.age_missing_image_check()
    await running.make_due_and_wake()
    await running.quiet()


def _request_count(running: Line, name: str) -> int:
    return running.registry.requests.count("HEAD", f"/v2/team/app/manifests/{name}")


async def test_a_missing_image_is_warned_about_with_the_fix(running: Line) -> None:
    digest = await _held_update(running)
    assert (await _missing_image(running), _request_count(running, digest)) == ("", 1)
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    message = await _missing_image(running)
    assert message == (
        f"task app/server of job app runs {digest}, which registry main no longer has: Nomad could not place its "
        "allocations again; push it again, or deploy another tag"
    )
    (told,) = await running.notifications("outage")
    assert told == f"app: the running image is gone from the registry: {message}"


async def test_a_missing_image_is_checked_rarely_and_notified_one_time(running: Line) -> None:
    digest = await _held_update(running)
    for _ in range(3):
        await _reconcile(running, later=False)
    assert _request_count(running, digest) == 1
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    for _ in range(3):
        await _reconcile(running, later=False)
    assert _request_count(running, digest) == 2
    await _reconcile(running)
    assert _request_count(running, digest) == 3
    assert len(await running.notifications("outage")) == 1


async def test_an_image_that_is_pushed_again_is_no_longer_missing(running: Line) -> None:
    digest = await _held_update(running)
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    assert await _missing_image(running)
    assert running.registry.push("team/app", "v1.0.0", content=BYTES) == digest
    await _reconcile(running)
    assert await _missing_image(running) == ""
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    assert await _missing_image(running)
    assert len(await running.notifications("outage")) == 2


async def test_an_image_that_no_longer_runs_is_not_warned_about(running: Line) -> None:
    digest = await _held_update(running)
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    await running.switch("app", on=True)
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is deployed")
    await running.held("app", "up_to_date")
    await running.quiet()
    assert await _missing_image(running) == ""


async def test_an_image_set_outside_is_checked_at_once(running: Line) -> None:
    digest = await _held_update(running)
    other = await running.push("app", "v0.9.0", notify=False)
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    running.change_outside("app", f":v0.9.0@{other}")
    await _reconcile(running, later=False)
    assert await _missing_image(running) == ""


async def test_a_registry_outage_changes_no_missing_image(running: Line) -> None:
    digest = await _held_update(running)
    running.registry.faults.add(RegistryFault(path=f".*{digest}", action=FaultAnswer(status=503), times=1000))
    await _reconcile(running)
    assert await _missing_image(running) == ""
    running.registry.faults.clear()
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    message = await _missing_image(running)
    running.registry.faults.add(RegistryFault(path=f".*{digest}", action=FaultAnswer(status=403), times=1000))
    await _reconcile(running)
    assert await _missing_image(running) == message
    assert len(await running.notifications("outage")) == 1


async def test_a_repository_without_any_tag_is_warned_about(running: Line) -> None:
    digest = await _held_update(running)
    for tag in ("v1.0.0", "v1.1.0"):
        running.registry.delete_tag("team/app", tag)
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    await running.held("app", "no_matching_tag")
    assert digest in await _missing_image(running)


async def test_a_job_that_names_a_tag_needs_only_the_tag(running: Line) -> None:
    digest = await _held_update(running, ":v1.0.0")
    await running.push("app", "v1.0.0", "other bytes", notify=False)
    running.registry.contents.delete_manifest("team/app", digest)
    await _reconcile(running)
    assert await _missing_image(running) == ""
    running.registry.delete_tag("team/app", "v1.0.0")
    await _reconcile(running)
    assert "job app runs v1.0.0, which registry main no longer has" in await _missing_image(running)


async def test_the_desired_image_needs_no_missing_image_check(running: Line) -> None:
    digest = await running.start()
    await running.rows.forget_missing_image_check()
    running.registry.requests.reset()
    await _reconcile(running)
    assert (await _missing_image(running), _request_count(running, digest)) == ("", 0)
