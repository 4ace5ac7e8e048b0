"""A class of faults: how it is made to happen, and what it may do to senders."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.scene import Scene


@dataclass(kw_only=True)
class Met:
    """How often a fault was met by our processes: a class that nobody met proves nothing."""

    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A class of faults. `strike` makes it happen while inside, and undoes it on exit.

    It must be met `least` times; more tags move until it was. `outage` is what /readyz must name while it lasts ("" if
    it is too short, or nobody's outage). `refuses`: senders may be told to come again; `stops`: all are, so that no tag
    moves until it is over; `cuts`: a post may stay without an
    answer; `slows`: an answer may take longer than a second.
    """

    strike: Callable[["Scene", Met], AbstractAsyncContextManager[None]]
    least: int = 1
    outage: str = ""
    refuses: bool = False
    stops: bool = False
    cuts: bool = False
    slows: bool = True


@asynccontextmanager
async def again(do: Callable[[], Awaitable[None]], *, every: float) -> AsyncIterator[None]:
    """Do it again and again while inside; an error of it ends the test."""

    async def work() -> None:
        while True:
            await do()
            await asyncio.sleep(every)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
