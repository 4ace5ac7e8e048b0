"""Who has which configuration is told when it differs, and only then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.services.config.differing import Differing, Holder, differing
from app.services.processes.loops import Loops
from tests.processes import until

AT = datetime(2026, 1, 2, 18, 0, tzinfo=UTC)
WEB = Holder(kind="web", host="host1", pid=12, configuration="a1b2c3d4e5f6", since=AT)
WORKER = Holder(kind="worker", host="host2", pid=7, configuration="f6e5d4c3b2a1", since=AT + timedelta(minutes=1))


def test_nothing_is_told_of_those_that_agree() -> None:
    assert differing([]) == ""
    assert differing([WEB, replace(WORKER, configuration=WEB.configuration)]) == ""


def test_who_has_which_is_told_the_newest_first() -> None:
    assert differing([WEB, WORKER]) == (
        "processes have different configurations (worker host2 pid 7 since 18:01:00 UTC: f6e5d4c3; "
        "web host1 pid 12 since 18:00:00 UTC: a1b2c3d4): give all the same file, or restart those that lag behind"
    )


def test_many_are_counted() -> None:
    many = [replace(WEB, pid=number) for number in range(10, 17)]
    assert "web host1 pid 16, web host1 pid 15, web host1 pid 14, web host1 pid 13 and 3 more since" in differing(
        [*many, WORKER]
    )


async def test_it_is_read_again_and_again() -> None:
    class Store:
        async def holders(self, *, settled: float) -> tuple[Holder, ...]:
            return (WEB, WORKER)

    watched = Differing(Store(), Loops())
    async with running(watched):
        await until(lambda: "host2" in watched.problem, "the difference is told", within=60)


@asynccontextmanager
async def running(watched: Differing) -> AsyncIterator[None]:
    task = asyncio.create_task(watched.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
