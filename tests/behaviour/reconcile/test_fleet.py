"""The fleet: the limit of concurrent rollouts, the queue, how a failure stops an image, and our own job last."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.watch import JobPlace, Watch
from app.services.commands import watches
from app.services.reconcile.reconciler import ReconcileSettings
from app.simulators.nomad.timing import Fate, Timing
from tests.concurrent_rollouts import most_concurrent_rollouts
from tests.default_settings import RECONCILE_DEFAULTS
from tests.line import SLOW, Line, line


def bounded(max_rollouts: int, **fields: Any) -> ReconcileSettings:
    """Settings with this limit of concurrent rollouts."""
    return replace(RECONCILE_DEFAULTS, fleet=replace(RECONCILE_DEFAULTS.fleet, max_rollouts=max_rollouts, **fields))


async def fleet(running: Line, count: int, **fields: object) -> list[str]:
    """That many settled jobs that run v1.0.0 of one image; returns their names."""
    names = [f"app{number:02}" for number in range(count)]
    await running.push("app", "v1.0.0", notify=False)
    for name in names:
        running.job(name, ":v1.0.0", path="team/app", **fields)
    await running.configure(*(watch(running, name) for name in names))
    for name in names:
        await running.held(name, "up_to_date")
    await running.quiet()
    return names


def watch(running: Line, name: str, **fields: object) -> Watch:
    return running.watch(name, path="team/app", **fields)


async def registered(running: Line, count: int) -> None:
    await running.until(lambda: len(running.nomad.ledger.entries()) == count, f"{count} are registered")


async def waiting(running: Line, count: int) -> None:
    """Wait until that many targets are queued, and no reconcile is running."""

    async def hold() -> bool:
        return await running.rows.queued_count() == count

    await running.until(hold, f"{count} wait for their turn")


async def test_forty_jobs_are_rolled_out_three_at_a_time(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(3)) as running:
        names = await fleet(running, 40)
        running.nomad.set_timing(Timing(healthy=0.4))
        second = await running.push("app", "v1.1.0")
        await running.until(lambda: len(running.nomad.ledger.entries()) == 40, "all are registered", within=120)
        await running.quiet()
        assert most_concurrent_rollouts(running.nomad) == 3
        assert all(running.images(name) == [f"team/app:v1.1.0@{second}"] for name in names)
        assert await running.outcomes() == ["succeeded"] * 40
        assert not await running.rows.is_one_queued()


async def test_a_queued_watch_shows_it_and_sends_no_requests(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(2)) as running:
        names = await fleet(running, 12)
        running.nomad.set_timing(SLOW)
        await running.push("app", "v1.1.0")
        await waiting(running, 10)
        message = {(await running.hold(name))[1] for name in names if not running.images(name)}
        assert message == {
            "v1.1.0 waits for a slot: 2 of at most 2 rollouts are under way; a manual deploy does not wait"
        }
        before = running.registry.requests.total(), reads(running)
        await running.let_pass(40)
        await waiting(running, 10)
        assert (running.registry.requests.total(), reads(running)) == before
        running.nomad.set_timing(Timing())
        running.nomad.skip(3600)
        await registered(running, 12)
        await running.quiet()


def reads(running: Line) -> int:
    """The number of requests to Nomad about a job of a fleet, without those that follow rollouts."""
    requests = running.nomad.ledger.requests
    return sum(count for what, count in requests.items() if what.startswith("GET /v1/job/app") and what.count("/") == 3)


async def test_the_target_that_was_queued_longest_goes_next(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1)) as running:
        names = await fleet(running, 4)
        running.nomad.set_timing(SLOW)
        await running.push("app", "v1.1.0")
        await waiting(running, 3)
        for number, name in enumerate(reversed(names)):
            await running.rows.age_queued(name, minutes=10 + number)
        first = running.nomad.ledger.entries()[0].job
        await finish_each(running, 4)
        assert [entry.job for entry in running.nomad.ledger.entries()][1:] == [each for each in names if each != first]


async def finish_each(running: Line, count: int) -> None:
    """Finish one rollout after the other until that many were registered."""
    for number in range(1, count + 1):
        await registered(running, number)
        if number == count:
            running.nomad.set_timing(Timing())
        running.nomad.skip(3600)
    await running.quiet()


async def test_commands_are_not_queued(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1)) as running:
        names = await fleet(running, 3)
        running.nomad.set_timing(SLOW)
        second = await running.push("app", "v1.1.0")
        await waiting(running, 2)
        idle = next(name for name in names if not running.images(name))
        await running.deploy(idle, "v1.1.0")
        await running.until(lambda: running.images(idle) == [f"team/app:v1.1.0@{second}"], "the order is carried out")
        assert most_concurrent_rollouts(running.nomad) == 2
        await waiting(running, 1)
        running.nomad.set_timing(Timing())
        running.nomad.skip(3600)
        await registered(running, 3)
        await running.quiet()


async def test_an_unused_slot_goes_to_the_next_target(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1)) as running:
        names = await fleet(running, 4)
        running.nomad.set_timing(SLOW)
        await running.push("app", "v1.1.0")
        await waiting(running, 3)
        idle = [name for name in names if not running.images(name)]
        for name in idle[:2]:
            running.nomad.stop(name)
        # No target checks for a slot itself any more: only those that do not use theirs can wake the last one.
        await running.rows.requeue_queued_in_a_day()
        running.nomad.set_timing(Timing())
        running.nomad.skip(3600)
        await running.until(lambda: running.images(idle[2]), "the last one gets the place")
        for name in idle[:2]:
            await running.held(name, "unusable")
        await running.quiet()


async def test_a_job_that_nomad_refuses_keeps_no_slot(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1)) as running:
        await fleet(running, 3)
        running.nomad_answers(403, method="POST", times=1, text="Permission denied")
        await running.push("app", "v1.1.0")
        await running.until(lambda: len(running.nomad.ledger.entries()) >= 2, "the others go")
        await registered(running, 3)
        await running.quiet()
        assert most_concurrent_rollouts(running.nomad) == 1


async def test_a_lost_answer_keeps_its_slot_until_the_result_is_known(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1)) as running:
        await fleet(running, 5)
        running.nomad.set_timing(Timing(healthy=0.1))
        running.nomad_loses_answers(times=2)
        await running.push("app", "v1.1.0")
        await registered(running, 5)
        await running.quiet()
        assert most_concurrent_rollouts(running.nomad) == 1


async def test_a_raised_limit_takes_effect(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1)) as running:
        await fleet(running, 3)
        running.nomad.set_timing(SLOW)
        await running.push("app", "v1.1.0")
        await waiting(running, 2)
        running.reconciler = replace(running.reconciler, settings=bounded(0))
        await running.let_pass(40)
        await registered(running, 3)
        running.nomad.skip(3600)
        await running.quiet()


@pytest.mark.parametrize("stop", [False, True])
async def test_a_failure_stops_the_image_everywhere_where_configured(database_url: str, stop: bool) -> None:
    async with line(database_url, look_settings=bounded(1, stop_after_failure=stop)) as running:
        names = await fleet(running, 5, auto_revert=True)
        running.nomad.judge("v1.1.0", Fate.PULL_FAILS)
        bad = await running.push("app", "v1.1.0")
        reason = "failed_elsewhere" if stop else "failed_before"
        await running.until(lambda: _held_for(running, names, reason, 4 if stop else 5), f"all hold for {reason}")
        await running.quiet()
        assert len(_registrations(running, bad)) == (1 if stop else 5)


async def test_a_stopped_image_continues_after_a_release_or_a_newer_image(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1, stop_after_failure=True)) as running:
        names = await fleet(running, 3, auto_revert=True)
        running.nomad.judge("v1.1.0", Fate.PULL_FAILS)
        bad = await running.push("app", "v1.1.0")
        await running.until(lambda: _held_for(running, names, "failed_elsewhere", 2), "the others hold")
        await running.quiet()
        (failed,) = _registrations(running, bad)
        other = next(name for name in names if name != failed)
        assert failed in (await running.hold(other))[1]
        running.nomad.pardon()
        await watches.release_hold(running.operator, failed, by="somebody")
        await running.until(lambda: sorted(set(_registrations(running, bad))) == names, "all have it")
        await running.quiet()
        running.nomad.judge("v1.2.0", Fate.PULL_FAILS)
        await running.push("app", "v1.2.0")
        await running.until(lambda: _held_for(running, names, "failed_elsewhere", 2), "the others hold again")
        newer = await running.push("app", "v1.3.0")
        await running.until(lambda: sorted(_registrations(running, newer)) == names, "all have the newer one")
        await running.quiet()


async def test_a_successful_manual_deploy_lets_a_stopped_image_continue(database_url: str) -> None:
    async with line(database_url, look_settings=bounded(1, stop_after_failure=True)) as running:
        names = await fleet(running, 3, auto_revert=True)
        running.nomad.judge("v1.1.0", Fate.PULL_FAILS)
        bad = await running.push("app", "v1.1.0")
        await running.until(lambda: _held_for(running, names, "failed_elsewhere", 2), "the others hold")
        await running.quiet()
        running.nomad.pardon()
        await running.deploy(_registrations(running, bad)[0], "v1.1.0")
        await running.until(lambda: sorted(set(_registrations(running, bad))) == names, "all have it")
        await running.quiet()


def _registrations(running: Line, digest: str) -> list[str]:
    """The jobs that were registered with this digest, in order."""
    return [
        entry.job
        for entry in running.nomad.ledger.entries()
        if any(image.endswith(digest) for image in entry.images.values())
    ]


async def _held_for(running: Line, names: list[str], reason: str, count: int) -> bool:
    return [(await running.hold(name))[0] for name in names].count(reason) == count


@pytest.mark.parametrize("region", ["", "global"])
async def test_our_own_job_goes_last(database_url: str, region: str) -> None:
    own = JobPlace(region="", namespace="default", job_id="app00")
    async with line(database_url, look_settings=bounded(2, own_job=own)) as running:
        names = await fleet(running, 6)
        moved = replace(own, region=region)
        await running.configure(watch(running, names[0], place=moved), *(watch(running, name) for name in names[1:]))
        await running.held(names[0], "up_to_date")
        await running.quiet()
        running.nomad.set_timing(Timing(healthy=0.15))
        await running.push("app", "v1.1.0")
        await running.until(lambda: _held_for(running, names[:1], "queued", 1), "our own waits")
        assert "own job goes last" in (await running.hold(names[0]))[1]
        await registered(running, 6)
        await running.quiet()
        with running.nomad.at_work() as world:
            ends = [each.modify_index for each in world.deployments.values() if each.job_id != names[0]]
        last = running.nomad.ledger.entries()[-1]
        assert last.job == names[0]
        assert last.job_modify_index > max(ends)


async def test_a_busy_fleet_does_not_hold_our_own_job_forever(database_url: str) -> None:
    own = JobPlace(region="", namespace="default", job_id="app00")
    async with line(database_url, look_settings=bounded(0, own_job=own)) as running:
        names = await fleet(running, 2)
        await running.rows.lease_to_another_while_due(names[1])
        await running.push("app", "v1.1.0")
        await waiting(running, 1)
        await running.let_pass(5)
        await waiting(running, 1)
        assert running.images(names[0]) == []
        await running.rows.age_queued(names[0], minutes=11)
        await running.let_pass(5)
        await running.until(lambda: running.images(names[0]), "our own goes")
        await running.rows.expire_leases(names[1])
        await registered(running, 2)
        await running.quiet()
