"""A pass that fails: an error of Nomad or of ours requeues the target, a refusal ends what a person asked for."""

import asyncio
from typing import Any

import pytest

from app.domain.job import JobState
from app.domain.rollout import Origin, OutcomeKind
from app.errors import JobChanged, NomadUnavailable
from app.refusals.samples import claim
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Written
from tests.unit.services.reconcile.looks import DENIED
from tests.unit.services.reconcile.passes import a_pass
from tests.unit.services.reconcile.values import ROLLOUT, item, open_rollout


@pytest.mark.parametrize(
    ("claimed", "error", "requeued"),
    [
        (claim(), NomadUnavailable("Nomad is away", retry_after=9.0), (9.0, "Nomad is away", False, False)),
        (claim(attempts=2), NomadUnavailable("Nomad is away"), (2.0, "Nomad is away", False, False)),
        (claim(follows_job=True), NomadUnavailable("Nomad is away"), (0.5, None, False, False)),
        (claim(nomad_outage=True), NomadUnavailable("Nomad is away"), (0.5, None, False, False)),
        (claim(), JobChanged("the job changed"), (0.05, "", False, False)),
        (claim(attempts=5), JobChanged("the job changed"), (1.6, "the job changed", False, False)),
        (claim(), DENIED, (0.5, "no permission", False, True)),
    ],
)
async def test_an_error_of_nomad_requeues_the_target(
    claimed: Claim, error: Exception, requeued: tuple[Any, ...]
) -> None:
    found = a_pass(claimed, job=error)
    found.targets.written = Written(due_in=3.0)
    assert await found.run()
    assert found.targets.calls == [("requeue", *requeued)]
    assert found.waker.wakes == [("reconcile", "1")]


async def test_an_error_of_ours_is_shown_as_ours() -> None:
    found = a_pass(job=ValueError("a fault"))
    assert await found.run()
    ((name, _, outage, is_ours, refused),) = found.targets.calls
    assert (name, is_ours, refused) == ("requeue", True, True)
    assert "a fault" in outage


async def test_something_cancelled_inside_is_an_error_and_the_pass_itself_ends() -> None:
    found = a_pass(job=asyncio.CancelledError())
    assert await found.run()
    assert found.targets.names == ["requeue"]
    waiting = a_pass()
    arrived = asyncio.Event()

    async def inspect(_place: object) -> JobState:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    waiting.deployer.inspect = inspect  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(waiting.run())
    await arrived.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert waiting.targets.calls == []


@pytest.mark.parametrize("lost", ["settle", "record_resolved", "submitted"])
async def test_a_lost_lease_ends_the_pass_without_a_word(lost: str) -> None:
    found = a_pass()
    found.targets.lost = (lost,)
    assert await found.run()
    assert "requeue" not in found.targets.names
    assert ("submit" in found.deployer.asked) is (lost == "submitted")


async def test_a_lease_that_is_lost_while_it_is_requeued_ends_it_too() -> None:
    found = a_pass(job=DENIED)
    found.targets.lost = ("requeue",)
    assert await found.run()
    assert found.targets.calls == []


@pytest.mark.parametrize(
    ("origin", "writes"),
    [
        (None, ["settle", "withdraw", "requeue"]),
        (Origin.RULE, ["settle", "withdraw", "requeue"]),
        (Origin.UNDO, ["settle", "withdraw", "requeue"]),
        (Origin.DEPLOY, ["settle", "refuse"]),
    ],
)
async def test_what_nomad_refuses_ends_only_if_a_person_asked_for_it(origin: Origin | None, writes: list[str]) -> None:
    rollout = open_rollout(item(forced=True), origin=origin) if origin else None
    found = a_pass(claim(rollout=rollout), submission=DENIED)
    found.targets.written = Written(due_in=4.0)
    await found.run()
    assert found.targets.names == writes
    launch = found.targets.result.launch
    assert launch is not None
    if origin is Origin.DEPLOY:
        _, rollout_id, outcome = found.targets.calls[-1]
        assert (rollout_id, outcome.kind, outcome.reason) == (ROLLOUT, OutcomeKind.REFUSED, "no permission")
    else:
        assert ("withdraw", launch.rollout_id) in found.targets.calls
        assert found.targets.calls[-1] == ("requeue", 0.5, "no permission", False, True)
    assert ("follow", str(launch.rollout_id)) not in found.waker.wakes
    assert found.waker.wakes == [("reconcile", "1")] * 2  # after settle, and after the last write


async def test_a_registration_that_wakes_others_wakes_them() -> None:
    found = a_pass()
    found.targets.written = Written(woken=(5,))
    await found.run()
    assert found.waker.wakes.count(("reconcile", "5")) == 2  # after settle, and after submitted
