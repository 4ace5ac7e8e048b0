"""The lease on a target: taken once, renewed, and the fence of every write."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from app.domain.rollout import Outcome, OutcomeKind
from app.errors import StoreUnavailable
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import ResolvedTag, Result, WatchResult
from app.services.reconcile.targets import LeaseLost
from tests.integration.reconcile.target import D2, LEASE, WAITING, Around
from tests.processes import until


async def test_a_due_target_is_claimed_once(around: Around) -> None:
    first, other = await around.add(), await around.add("other")
    claimed = await around.claim(first)
    assert await around.store.claim(first, LEASE) is None
    stored = await around.target(first)
    assert stored["lease_token"] == claimed.token
    assert stored["lease_left"] == pytest.approx(LEASE, abs=5)
    assert (await around.target(other))["lease_token"] is None


async def test_an_expired_lease_is_taken_over(around: Around) -> None:
    target = await around.add()
    first = await around.claim(target)
    await around.expire(target)
    second = await around.claim(target)
    assert second.token != first.token
    assert (await around.target(target))["lease_token"] == second.token


@pytest.mark.parametrize("due_at", ["NULL", "now() + interval '10 seconds'"])
async def test_a_target_that_is_not_due_is_not_claimed(around: Around, due_at: str) -> None:
    target = await around.add()
    await around.run(f"UPDATE targets SET due_at = {due_at}")
    assert await around.store.claim(target, LEASE) is None
    assert (await around.target(target))["lease_token"] is None


async def test_a_wake_makes_it_due_and_is_taken_with_the_lease(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await around.run("UPDATE targets SET due_at = NULL, attempts = 3")
    await around.run("INSERT INTO wakes (target_id) SELECT target_id FROM targets")
    claimed = await around.claim(target)
    assert (claimed.inspect_job, claimed.attempts) == (True, 0)
    stored = await around.target(target)
    assert stored["wakes"] == 0
    assert (stored["due_in"] <= 0, stored["inspect_job"], stored["attempts"]) == (True, True, 0)
    left = await around.target(other)
    assert (left["wakes"], left["due_in"], left["attempts"]) == (1, None, 3)


async def test_a_worker_that_dies_leaves_the_target_due(around: Around) -> None:
    target = await around.add()
    await around.run("UPDATE targets SET attempts = 3, due_at = now() - interval '1 hour'")
    await around.run("INSERT INTO wakes (target_id) VALUES ($1)", target)
    await around.claim(target)
    await around.expire(target)
    assert (await around.target(target))["due_in"] < -3000
    assert (await around.claim(target)).inspect_job


async def test_without_a_wake_the_backoff_goes_on(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    await around.run("UPDATE targets SET attempts = 3, due_at = now() - interval '1 hour'")
    await around.run("INSERT INTO wakes (target_id) VALUES ($1)", other)
    claimed = await around.claim(target)
    assert (claimed.attempts, claimed.inspect_job) == (3, False)
    assert (await around.target(target))["due_in"] < -3000


async def test_a_lease_is_renewed_by_its_holder_alone(around: Around) -> None:
    target, other = await around.add(), await around.add("other")
    claimed, beside = await around.claim(target), await around.claim(other)
    assert await around.store.renew(claimed, 600.0)
    assert (await around.target(target))["lease_left"] == pytest.approx(600, abs=5)
    assert (await around.target(other))["lease_left"] == pytest.approx(LEASE, abs=5)
    await around.expire(target)
    assert not await around.store.renew(claimed, 600.0)
    await around.take_over(other)
    assert not await around.store.renew(beside, 7200.0)
    assert (await around.target(other))["lease_left"] < 3601


REFUSED = Outcome(kind=OutcomeKind.REFUSED, reason="no permission")

WRITES: dict[str, Callable[[Around, Claim], Awaitable[object]]] = {
    "settle": lambda around, claim: around.store.settle(claim, Result(job_read=True, requeue_in=5.0)),
    "requeue": lambda around, claim: around.store.requeue(claim, seconds=5.0, outage="Nomad is away"),
    "withdraw": lambda around, claim: around.store.withdraw(claim, UUID(int=1)),
    "refuse": lambda around, claim: around.store.refuse(claim, UUID(int=1), REFUSED),
    "record": lambda around, claim: around.store.record_resolved(
        claim, "app", ResolvedTag(tags=None, tag="v1.1.0", digest=D2)
    ),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("lost", ["taken over", "expired"])
async def test_a_lost_lease_writes_nothing(around: Around, write: str, lost: str) -> None:
    target = await around.add()
    await around.add_rollout(target)
    claimed = await around.claim(target)
    await (around.take_over(target) if lost == "taken over" else around.expire(target))
    before = await around.row("SELECT t.*, r.* FROM targets t JOIN rollouts r USING (target_id)")
    with pytest.raises(LeaseLost):
        await WRITES[write](around, claimed)
    assert await around.row("SELECT t.*, r.* FROM targets t JOIN rollouts r USING (target_id)") == before
    assert await around.value("SELECT count(*) FROM found_digests") == 0


async def test_nobody_takes_the_lease_of_a_pass_that_writes(around: Around) -> None:
    target = await around.add()
    claimed = await around.claim(target)
    resolved = WatchResult(watch="app", resolved=ResolvedTag(tags=None, tag="v1.1.0", digest=D2))
    async with around.database.transaction() as connection:
        await connection.execute("SELECT FROM watches FOR UPDATE")
        writing = asyncio.create_task(around.store.settle(claimed, Result(watches=(resolved,))))
        await until(lambda: around.value(WAITING), "waiting", within=2)
        with pytest.raises(StoreUnavailable, match="holds a lock"):
            await around.run("SELECT FROM targets FOR UPDATE NOWAIT")
    await writing


@pytest.mark.parametrize("write", WRITES)
async def test_the_holder_of_the_lease_writes(around: Around, write: str) -> None:
    target = await around.add()
    await around.add_rollout(target)
    await WRITES[write](around, await around.claim(target))


async def test_a_digest_is_found_once(around: Around) -> None:
    target = await around.add()
    claimed = await around.claim(target)
    found = ResolvedTag(tags=None, tag="v1.1.0", digest=D2, found_by="webhook")
    assert await around.store.record_resolved(claimed, "app", found) is True
    assert await around.store.record_resolved(claimed, "app", found) is False
    stored = await around.row("SELECT watch_name, tag, digest, found_by FROM found_digests")
    assert stored == {"watch_name": "app", "tag": "v1.1.0", "digest": D2, "found_by": "webhook"}
