"""Given workers that are frozen past their lease while they register, and wake when others have continued, then no push
is lost, and nothing is held without cause."""

import asyncio
import random
from pathlib import Path

import asyncpg

from app.simulators.nomad.timing import Timing
from tests.cluster import Cluster, cluster, until
from tests.faults import statements
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender
from tests.faults.flags import Flags
from tests.faults.oracle import Shown, faults, last
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves as sized
from tests.faults.tag_moves import Moves

STEPS = ("after:deployer.submit", "before:deployer.submit", "inside:targets.submitted", "before:targets.submitted")
FREEZES = sized(ci=200, long=1_000)
LEASE = 1
_WORKERS = 14
_CONCURRENT = 10  # so that some workers are always awake
NAMES = [f"r{number:02}" for number in range(20)]


async def test_freezes_during_registrations_lose_no_push(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    settings = f'poll_interval = "1h"\nlease_seconds = {LEASE}'
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=settings
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        flags = Flags(server_directory / "flags")
        ours.start("web")
        ours.start_module("tests.faults.killing_worker", str(flags.directory), str(_WORKERS))
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled(NAMES, within=120)
            places = asyncio.Semaphore(_CONCURRENT)
            stories = [_Story(ours, flags, sender, name) for name in NAMES]
            await asyncio.gather(*(each.freeze(FREEZES // len(NAMES), places) for each in stories))
            finals = {name: final for each in stories for name, final in each.moves.finals.items()}
            await deployed(ours, finals)
            await outcomes.settled(NAMES, within=120)
        assert sum(each.frozen for each in stories) == FREEZES
        assert faults(ours, finals) == []
        assert await _held_without_cause(database_url) == []
        proven(moves=len(sender.pushed), met=FREEZES)


class _Story:
    """Pushes to one repository, two for each freeze: one that is being registered, one while the worker is frozen."""

    def __init__(self, ours: Cluster, flags: Flags, sender: DeliverySender, name: str) -> None:
        self._ours, self._flags, self._name = ours, flags, name
        self._random = random.Random(name)
        self.moves = Moves(sender, [name])
        self.frozen = 0

    async def freeze(self, times: int, places: asyncio.Semaphore) -> None:
        for number in range(times):
            async with places:
                await self._freeze(STEPS[(number + NAMES.index(self._name)) % len(STEPS)])

    async def _freeze(self, step: str) -> None:
        name, flags = self._name, self._flags
        flags.arm(step, name, freeze=LEASE + self._random.uniform(0.2, 1.5))
        await self._push()
        await until(lambda: flags.killed_at(step, name), f"{name}: a worker is frozen {step}", within=120)
        self.frozen += 1
        await self._push()
        await until(lambda: last(self._ours, name) == self._final, f"{name}: {self._final} by {step}", within=120)
        await until(lambda: flags.thawed(step, name), f"{name}: the worker wakes", within=120)

    async def _push(self) -> None:
        await self.moves.make(1, seconds=0)

    @property
    def _final(self) -> Shown:
        return self.moves.finals[self._name]


async def _held_without_cause(database_url: str) -> list[tuple[str, str]]:
    """Decisions that claim drift where there was none."""
    connection = await asyncpg.connect(database_url)
    try:
        return await statements.drift_decisions(connection)
    finally:
        await connection.close()
