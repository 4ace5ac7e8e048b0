"""Given auto deploy is switched off, pushes come, a web or a worker is killed or replaced, and it is switched on again,
then nothing is deployed while it is off, and the newest digest within five seconds after that."""

import asyncio
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import asyncpg

from app.simulators.nomad import LedgerEntry, Timing
from tests.cluster import Cluster, cluster, until
from tests.faults.commands import Person
from tests.faults.decisions import decided
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults, last, registered
from tests.faults.outcomes import Outcomes, reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves
from tests.machine_load import machine
from tests.processes import Process

NAMES = [f"r{number:02}" for number in range(20)]
TIMES = moves(ci=200, long=500)
WITHIN = 5.0


class _Story:
    """All watches are switched off and on together, round by round."""

    def __init__(
        self, ours: Cluster, sender: DeliverySender, person: Person, outcomes: Outcomes, connection: asyncpg.Connection
    ) -> None:
        self._ours, self._sender, self._person, self._outcomes = ours, sender, person, outcomes
        self._connection = connection
        self._next = self._processes()
        self.finals: dict[str, Shown] = {}
        self.took: list[float] = []
        self.while_off: list[str] = []
        self.restarts = 0

    async def round(self, number: int) -> None:
        """Off, two pushes to each, a restart in between, on."""
        await asyncio.gather(*(self._person.switch(name, on=False) for name in NAMES))
        off_at = time.time()
        await asyncio.gather(*(self._push(name, f"v1.{2 * number + 1}.0") for name in NAMES))
        restarted = await self._restart(kill=number % 2 == 0)
        await asyncio.gather(*(self._push(name, f"v1.{2 * number + 2}.0") for name in NAMES))
        await until(self._held, "every newest digest is held since auto deploy is off", within=120)
        self.while_off += [f"{entry.job} at {entry.time:.3f}" for entry in self._entries(off_at, time.time())]
        await restarted
        await asyncio.gather(*(self._on(name) for name in NAMES))
        await self._outcomes.settled(NAMES)
        # What was pushed first while it was off was never deployed.
        wrong = [entry for entry in self._entries(off_at, time.time()) if registered(entry) != self.finals[entry.job]]
        self.while_off += [f"{entry.job}: {registered(entry)} was not the newest" for entry in wrong]

    def _entries(self, since: float, until_: float) -> Iterator[LedgerEntry]:
        return (entry for entry in self._ours.nomad.ledger.entries() if since < entry.time <= until_)

    async def _push(self, name: str, tag: str) -> None:
        self.finals[name] = Shown(tag=tag, digest=await self._sender.push(name, tag, f"{name} {tag}"))

    async def _held(self) -> bool:
        found = await decided(self._connection)
        return all(found[name] == ("auto_deploy_off", self.finals[name].digest) for name in NAMES)

    async def _on(self, name: str) -> None:
        await self._person.switch(name, on=True)
        begun = time.monotonic()
        await until(lambda: last(self._ours, name) == self.finals[name], f"{name} is deployed", within=120)
        self.took.append(time.monotonic() - begun)

    def _processes(self) -> Iterator[str]:
        return cycle(("worker", "web"))

    async def _restart(self, *, kill: bool) -> "asyncio.Task[None]":
        """Kill one process, or end it, and start another; returns a task that ends when that one is up."""
        kind = next(self._next)
        old = next(each for each in self._ours.processes if each.running and each.name.startswith(kind))
        new = self._ours.start(kind)
        if kill:
            old.kill()
        else:
            old.terminate()
        self.restarts += 1
        return asyncio.create_task(_is_up(old, new))


async def _is_up(old: Process, new: Process) -> None:
    await until(lambda: not old.running, f"{old.name} ends", within=60)
    await until(lambda: b".started" in new.log.read_bytes(), f"{new.name} starts", within=120)


async def test_nothing_is_deployed_while_off_and_the_newest_soon_after(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with (
        machine() as busy,
        cluster(
            server_directory,
            database_url=database_url,
            redis_url=redis_url,
            names=NAMES,
            settings='poll_interval = "1h"\nlease_seconds = 2',
        ) as ours,
    ):
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "web", "worker", "worker"):
            ours.start(kind)
        await answering(ours)
        connection = await asyncpg.connect(database_url)
        async with DeliverySender(ours) as sender, Person(ours) as person, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            story = _Story(ours, sender, person, outcomes, connection)
            for number in range(TIMES // len(NAMES)):
                await story.round(number)
        await connection.close()
        took = sorted(story.took)
        p50, longest = took[len(took) // 2], took[-1]
        print(f"{len(took)} of {TIMES}, {story.restarts} restarts: p50 {p50:.2f} s, max {longest:.2f} s")
        print(f"answers {dict(sender.answers)} {dict(person.answers)}, stretch {busy.stretch:.1f}")
        assert story.while_off == []
        assert len(took) == TIMES
        assert story.restarts == TIMES // len(NAMES)
        assert longest <= WITHIN * busy.stretch
        assert faults(ours, story.finals) == []
        proven(moves=len(sender.pushed), met=TIMES, right_after=round(longest, 1), stretch=round(busy.stretch, 1))
