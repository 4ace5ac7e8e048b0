"""A class of faults: how it is made to happen, how often it was met, and what it may do to senders."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.processes import until
from tests.servers.toxic import ToxicProxy
from tests.webhook_sender import TAKEN

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
    moves until it is over; `cuts`: a post may stay without an answer; `slows`: an answer may take longer than a second.
    """

    strike: Callable[["Scene", Met], AbstractAsyncContextManager[None]]
    least: int = 1
    outage: str = ""
    refuses: bool = False
    stops: bool = False
    cuts: bool = False
    slows: bool = True


@dataclass(kw_only=True)
class Pace:
    """Whether enough pushes were taken since the fault last `struck`: by the clock alone, nothing but the fault and the
    recovery from it would happen on a busy machine."""

    scene: "Scene"
    pushes: int = 20
    _taken: int = 0

    def struck(self) -> None:
        self._taken = self.scene.sender.answers[TAKEN]

    def __call__(self) -> bool:
        return self.scene.sender.answers[TAKEN] >= self._taken + self.pushes


@asynccontextmanager
async def again(
    do: Callable[[], Awaitable[None]], *, every: float, enough: Callable[[], bool] = lambda: True
) -> AsyncIterator[None]:
    """Do it again and again while inside, but not before there was `enough` of what must happen between; the last time
    is not cut short. An error of it ends the test.
    """
    doing = asyncio.Lock()

    async def work() -> None:
        while True:
            async with doing:
                await do()
            await asyncio.sleep(every)
            await until(enough, "enough happened", within=math.inf)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        async with doing:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@contextmanager
def counting(met: Met, counter: Callable[[], int]) -> Iterator[None]:
    """Count as met by how much the counter grows while inside."""
    before = counter()
    try:
        yield
    finally:
        met.count += counter() - before


@asynccontextmanager
async def replies_cut(
    scene: "Scene", met: Met, *, proxy: Callable[["Scene"], ToxicProxy], most: int, every: float
) -> AsyncIterator[None]:
    """Replies through the proxy are cut within their first `most` bytes, when what they reply to has been done."""
    through = proxy(scene)

    async def cut() -> None:
        through.cut_reply_after = scene.random.randint(0, most)

    with counting(met, lambda: through.lost):
        try:
            async with again(cut, every=every):
                yield
        finally:
            through.cut_reply_after = None
