"""A whole installation whose every part can be made to fail, and what must hold after each fault.

Two web processes, two workers and a poller; Postgres and Redis behind proxies that misbehave on demand. One scene is
used for one fault class after the other: what one leaves behind would spoil the next.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import asyncpg
import redis.asyncio

from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey
from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.cluster import Cluster, cluster, until
from tests.faults import statements
from tests.faults.arrival import WITHIN, deployed
from tests.faults.delivery_sender import DeliverySender
from tests.faults.fault_class import Fault, Met
from tests.faults.oracle import faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.random_faults import Chance, Chances
from tests.faults.site import Site, site
from tests.faults.sizes import moves, seed
from tests.faults.tag_moves import Moves
from tests.machine_load import BUSY
from tests.servers.postgres import migrate
from tests.servers.toxic import ToxicProxy
from tests.webhook_sender import NO_ANSWER, TAKEN

NAMES = [f"r{number:02}" for number in range(5)]
SLOWEST_ANSWER = 1.0
_REFUSED_BUSY = 0.02  # the share of posts that it may then refuse
LEASE = 2
MOVES = moves(ci=200, long=2000)
PER_SECOND = 100
_STOPPED = 4.0  # seconds for which a fault lasts that stops everything
_SETTINGS = f'poll_interval = "1h"\nlease_seconds = {LEASE}'
_KINDS = ("web", "web", "worker", "worker", "poller")
_CALM = 20
_MORE = 50  # times as many moves, for a fault that was not met often enough
_SLOWEST = 0.2  # seconds by which Nomad's registration is late, before it is applied or after

_REGISTER = "/v1/job/r??"
_LATE = (
    Chance(fault=NomadFault(action=FaultAction.HANG, method="POST", path=_REGISTER, seconds=_SLOWEST), share=0.5),
    Chance(
        fault=NomadFault(action=FaultAction.HANG, method="POST", path=_REGISTER, seconds=_SLOWEST, after=True),
        share=0.5,
    ),
)


@dataclass(kw_only=True)
class Scene:
    """The installation of one module of tests. `store` and `redis` are the proxies."""

    ours: Cluster
    site: Site
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    store: ToxicProxy
    redis: ToxicProxy
    sender: DeliverySender = field(init=False)
    number: int = 0
    random: Random = field(default_factory=lambda: Random(seed()))

    async def endure(self, fault: Fault, proven: Proven) -> None:
        """Tags move before, during and after the fault. Then everything must be right and ready again by itself.

        What was seen is written down with `proven`.
        """
        print(f"seed {seed()}")
        async with DeliverySender(self.ours, seed=seed()) as self.sender:
            sender = self.sender
            made = Moves(sender, NAMES, number=self.number)
            await made.make(_CALM, seconds=_CALM / PER_SECOND)
            met = Met()
            async with fault.strike(self, met):
                moving = asyncio.create_task(made.make(MOVES, seconds=MOVES / PER_SECOND))
                if fault.outage:
                    await self.site.until(lambda: self._names(fault.outage), f"{fault.outage} is named", within=WITHIN)
                await asyncio.wait([moving], timeout=_STOPPED if fault.stops else None)
                for _ in range(_MORE if fault.least > 1 else 0):
                    if met.count >= fault.least:
                        break
                    await made.make(_CALM, seconds=_CALM / PER_SECOND)
            over_at = time.monotonic()
            await self.site.all_ready()
            await moving
            await self._ends_right(made)
            right_after = time.monotonic() - over_at
            self.number = made.number
        assert set(sender.answers) <= self._promised(fault), (sender.answers, self._refusals())
        print(f"met {met.count} times; answers {dict(sender.answers)}")
        assert fault.slows or max(sender.seconds) < SLOWEST_ANSWER * self.site.pace.stretch
        assert met.count >= fault.least, "too few met the fault"
        proven(
            moves=len(sender.pushed),
            met=met.count,
            answers=sender.answers,
            right_after=round(right_after, 1),
            stretch=round(self.site.pace.stretch, 1),
            servers=await self._servers(),
        )

    def _promised(self, fault: Fault) -> set[int]:
        """What senders may be answered. A machine that is too busy to store may say so, now and then."""
        answers = self.sender.answers
        few = self.site.pace.stretch > BUSY and answers[503] <= _REFUSED_BUSY * answers.total()
        refused = {503} if fault.refuses or fault.stops or few else set()
        return {TAKEN} | refused | ({NO_ANSWER} if fault.cuts else set())

    def _refusals(self) -> list[str]:
        """Why the webs refused deliveries, by their logs."""
        logs = [each.log.read_text() for each in self.ours.processes if each.url]
        return [line for log in logs for line in log.splitlines() if '"delivery.refused"' in line][-3:]

    async def _ends_right(self, made: Moves) -> None:
        ours = self.ours
        await deployed(ours, made.finals)
        async with self.connection() as connection:
            await until(partial(_no_rollout, connection), "every rollout ends", within=WITHIN * self.site.pace.stretch)
            assert await statements.unexplained(connection) == []
        assert faults(ours, made.finals) == []

    async def _servers(self) -> str:
        """The versions of Postgres and Redis."""
        async with self.connection() as connection, redis.asyncio.Redis.from_url(self.valkey.url) as client:
            known = await client.info("server")
            name = "Valkey" if "valkey_version" in known else "Redis"
            postgres = await statements.server_version(connection)
            return f"Postgres {postgres}, {name} {known.get('valkey_version', known['redis_version'])}"

    async def rests(self) -> None:
        """Wait until no work is left, which an event whose tag has moved is for half a minute; all is right still."""
        async with reading(self.postgres.url) as outcomes:
            await outcomes.settled(NAMES)
        assert faults(self.ours, {}) == []

    async def _names(self, part: str) -> bool:
        """Whether each process names the part as away, or the web does for it."""
        for process in self.site.running("web"):
            _, answer = await self.site.answer_of(process.name)
            named = [answer.get("message", ""), *(each["name"] for each in answer.get("outages", ()))]
            if not any(part in each for each in named):
                return False
        return True

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A connection to Postgres past the proxy."""
        return statements.connected(self.postgres.url)


@asynccontextmanager
async def scene(directory: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> AsyncIterator[Scene]:
    """Everything runs and is ready."""
    await asyncio.to_thread(migrate, postgres.url)
    async with ToxicProxy(postgres.url) as store, ToxicProxy(valkey.url) as redis:
        with cluster(directory, database_url=store.url, redis_url=redis.url, names=NAMES, settings=_SETTINGS) as ours:
            async with site(ours, *_KINDS) as here:
                async with reading(postgres.url) as outcomes:
                    await outcomes.settled(NAMES)
                ours.nomad.faults = Chances(*_LATE, seed=seed())
                made = Scene(ours=ours, site=here, postgres=postgres, valkey=valkey, store=store, redis=redis)
                yield made
                await made.rests()
            ours.stop()  # before the proxies, which they still use


async def _no_rollout(connection: asyncpg.Connection) -> bool:
    return await statements.rollouts_under_way(connection) == 0
