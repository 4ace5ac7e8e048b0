"""The lease on a target, given back: when the target is due next, and what its next reconcile does."""

import pytest

from app.services.reconcile.result import Result
from tests.integration.reconcile.target import Around


async def test_a_pass_that_is_done_releases_the_lease(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await around.run("UPDATE targets SET polled = true, woken_at = now(), attempts = 3, outage = 'it was away'")
    claimed = await around.claim(target)
    written = await around.store.settle(claimed, Result())
    stored = await around.target(target)
    assert (written.due_in, stored["due_in"], stored["lease_token"], stored["lease_until"]) == (None,) * 4
    assert (stored["polled"], stored["woken_at"], stored["attempts"], stored["outage"]) == (False, None, 0, "")
    left = await around.target(other)
    assert (left["due_in"] is not None, left["polled"], left["outage"]) == (True, True, "it was away")


async def test_a_pass_may_be_due_again(around: Around) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET polled = true")
    written = await around.store.settle(await around.claim(target), Result(job_read=True, requeue_in=40.0, attempts=2))
    stored = await around.target(target)
    assert (written.due_in, written.overtaken) == (40.0, False)
    assert stored["due_in"] == pytest.approx(40, abs=5)
    assert (stored["inspect_job"], stored["polled"], stored["attempts"]) == (True, True, 2)


async def test_a_queued_target_is_due_for_its_slot_alone(around: Around) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET polled = true")
    await around.store.settle(await around.claim(target), Result(job_read=True, requeue_in=40.0, queued=True))
    stored = await around.target(target)
    assert (stored["inspect_job"], stored["polled"], stored["queued_since"] is None) == (False, False, False)


async def test_a_generation_that_grew_meanwhile_makes_it_due_at_once(around: Around) -> None:
    target = await around.add()
    claimed = await around.claim(target)
    await around.run("UPDATE targets SET generation = generation + 1, inspect_job = true, polled = true")
    written = await around.store.settle(claimed, Result())
    stored = await around.target(target)
    assert (written.due_in, stored["due_in"] <= 0, stored["lease_token"]) == (0.0, True, None)
    assert (stored["inspect_job"], stored["polled"]) == (True, True)


async def test_a_wake_meanwhile_makes_it_due_at_once(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    claimed, beside = await around.claim(target), await around.claim(other)
    await around.run("INSERT INTO wakes (target_id) VALUES ($1)", target)
    assert (await around.store.settle(claimed, Result())).due_in == 0.0
    assert (await around.store.settle(beside, Result())).due_in is None
    assert (await around.claim(target)).inspect_job


async def test_a_requeue_says_why_and_reads_the_job_again(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await around.run("UPDATE targets SET attempts = 2, queued_since = now()")
    written = await around.store.requeue(await around.claim(target), seconds=40.0, outage="away", is_ours=True)
    stored = await around.target(target)
    assert written.due_in == 40.0
    assert (stored["attempts"], stored["inspect_job"], stored["lease_token"]) == (3, True, None)
    assert (stored["outage"], stored["outage_is_ours"], stored["queued_since"] is None) == ("away", True, False)
    await around.run("UPDATE targets SET due_at = now() WHERE target_id = $1", target)
    await around.run("UPDATE targets SET due_at = now() + interval '1 hour' WHERE target_id = $1", other)
    kept = await around.store.requeue(await around.claim(target), seconds=1.0, outage=None, refused=True)
    stored = await around.target(target)
    assert (stored["outage"], stored["queued_since"], kept.woken) == ("away", None, (other,))
    await around.run("UPDATE targets SET due_at = now() WHERE target_id = $1", target)
    await around.store.requeue(await around.claim(target), seconds=1.0, outage="")
    assert (await around.target(target))["outage"] == ""
    assert (await around.target(other))["outage"] == ""
