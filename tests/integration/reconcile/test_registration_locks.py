"""A registration while others write the same watches: it locks them by name, as everybody does, and loses no record."""

import asyncio

from tests.integration.reconcile.launched import PATCH, SUBMISSION, requested
from tests.integration.reconcile.target import D1, D2, IMAGE, ITEM, WAITING, Around
from tests.processes import until

_LATER = "registry.example/team/app:v0.9.0"


async def test_it_locks_its_watches_by_name(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    await around.add("a-later-row")
    await around.run("UPDATE watches SET target_id = $1", target)
    await around.run(ITEM, rollout, "a-later-row", D2)
    async with around.database.transaction() as connection:
        await connection.execute("SELECT FROM watches WHERE name = 'a-later-row' FOR UPDATE")
        writing = asyncio.create_task(around.store.submitted(claimed, rollout, PATCH, SUBMISSION))
        await until(lambda: around.value(WAITING), "the registration waits", within=10)
        await connection.execute("SELECT FROM watches WHERE name = 'app' FOR UPDATE NOWAIT")
    await writing


async def test_it_keeps_what_another_records_meanwhile(around: Around) -> None:
    _, rollout, claimed = await requested(around)
    await around.run("UPDATE watches SET digests = $1", {"earlier": D1})
    async with around.database.transaction() as connection:
        await connection.execute("UPDATE watches SET digests = digests || $1", {_LATER: D1})
        writing = asyncio.create_task(around.store.submitted(claimed, rollout, PATCH, SUBMISSION))
        await until(lambda: around.value(WAITING), "the registration waits", within=10)
    await writing
    assert await around.value("SELECT digests FROM watches") == {"earlier": D1, _LATER: D1, f"{IMAGE}@{D2}": D2}
