"""What this process itself asks regularly: whether Postgres and Redis answer, and which outages are stored."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from dramatiq.broker import Broker
from dramatiq.brokers.redis import RedisBroker

from app.adapters.broker import RedisProbe
from app.adapters.postgres.database.outage import FIX as STORE_FIX
from app.adapters.postgres.database.pool import Database
from app.adapters.waker import FIX as REDIS_FIX
from app.adapters.waker import DramatiqWaker
from app.services.processes.liveness import WITHIN, Liveness
from app.services.processes.loops import Loops
from app.services.processes.outages import OutageLog
from app.services.processes.stored_outages import OutageStore, StoredOutages
from app.settings import Settings

POSTGRES, REDIS = "Postgres", "Redis"

# Seconds between two questions on a new connection to Postgres, which costs it a process each time: everybody must say
# within five seconds that it takes none any more, before a loop that needs one fails of it.
_NEW_EVERY = 1.4


class Outages:
    """The outages that this process finds. `returned` is called when Postgres answers again.

    Redis is asked only if `broker` is on it.
    """

    def __init__(
        self, settings: Settings, *, broker: Broker, waker: DramatiqWaker, returned: Callable[[], Awaitable[None]]
    ) -> None:
        self.log = OutageLog()
        self._database = Database(settings.database_url.reveal(), size=1, timeout=WITHIN)
        ask = partial(self._database.ask, new_every=_NEW_EVERY)
        self.store = Liveness(POSTGRES, ask, self.log, fix=STORE_FIX, returned=returned)
        self._probe: RedisProbe | None = None
        self.redis: Liveness | None = None
        if isinstance(broker, RedisBroker):
            self._probe = RedisProbe(settings.redis_url.reveal(), lambda: waker.problem, within=WITHIN)
            self.redis = Liveness(REDIS, self._probe, self.log, fix=REDIS_FIX)
        self.loops = Loops(outage=lambda: self.store.problem)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def redis_problem(self) -> str:
        """Why Redis does not answer, or accepts no messages; "" when it does."""
        return self.redis.problem if self.redis is not None else ""

    @property
    def explaining(self) -> frozenset[str]:
        """The parts whose outage, now or a moment ago, explains work that does not move."""
        return frozenset(each.part for each in (self.store, self.redis) if each is not None and each.is_explaining)

    def begin(self, store: Callable[[], OutageStore]) -> None:
        """Ask from now on, in the background; `store` returns the store of outages."""
        self.stored = StoredOutages(
            store, self.loops, self.log, own=(POSTGRES, REDIS), explaining=lambda: self.explaining
        )
        asked = [each for each in (self.store, self.redis) if each is not None]
        for each in asked:
            self.loops.add(each.loop)
        self._tasks = [asyncio.create_task(each.run()) for each in asked]
        self._tasks.append(asyncio.create_task(self.stored.run()))

    async def aclose(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._probe is not None:
            await self._probe.aclose()
        await self._database.close()
