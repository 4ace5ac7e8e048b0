"""A pass that decided without knowing of a registration that was recorded since: it is void."""

import asyncio

import pytest

from app.domain.decision import Hold, HoldReason
from app.services.reconcile.result import ResolvedTag, Result, WatchResult
from app.services.reconcile.targets import LeaseLost
from tests.integration.reconcile.target import D1, IMAGE, KEY, Around
from tests.processes import until

RESULT = Result(
    watches=(
        WatchResult(
            watch="app",
            resolved=ResolvedTag(tags=None, tag="v1.1.0", digest=D1),
            decision=Hold(reason=HoldReason.UP_TO_DATE, message="it is up to date"),
            specified=({"task": KEY, "image": IMAGE, "identity": f"{IMAGE}@{D1}", "tag": "v1.1.0", "digest": D1},),
        ),
    )
)
_REGISTERED = "UPDATE watches SET expected_intent = 4"


async def test_it_stores_nothing_and_is_due_again_at_once(around: Around) -> None:
    target = await around.add()
    claimed = await around.claim(target)
    await around.run(_REGISTERED)
    written = await around.store.settle(claimed, RESULT)
    assert (written.overtaken, written.due_in, written.decided) == (True, 0.0, frozenset())
    stored = await around.target(target)
    assert (stored["lease_token"], stored["inspect_job"], stored["due_in"] <= 0) == (None, True, True)
    assert await around.value("SELECT count(*) FROM decisions") == 0


async def test_it_writes_nothing_at_all_if_its_lease_was_lost_too(around: Around) -> None:
    target = await around.add()
    claimed = await around.claim(target)
    await around.run(_REGISTERED)
    async with around.database.transaction() as connection:
        await connection.execute("SELECT FROM watches FOR UPDATE")
        assert await around.store.renew(claimed, 0.5)
        settling = asyncio.create_task(around.store.settle(claimed, RESULT))
        await until(lambda: around.value("SELECT lease_until < clock_timestamp() FROM targets"), "expired", within=3)
    with pytest.raises(LeaseLost):
        await settling
    assert (await around.target(target))["lease_token"] == claimed.token
