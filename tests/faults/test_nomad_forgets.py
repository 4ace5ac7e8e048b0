"""Given a Nomad that forgets deployments, evaluations and allocations as soon as they end, while we wait for them, then
each of hundreds of moves is registered exactly once, and each rollout has the recorded outcome that it really had."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from app.simulators.nomad import Fate, Simulator, Timing, garbage
from tests.faults.fleet import FEW, NAMES, fleet, total
from tests.faults.proof import Proven
from tests.faults.sizes import moves

MOVES = moves(ci=5, long=50)  # of each of 40 jobs
SHARE = 0.5  # of the ended objects; the rest may be collected next time
# Long enough to read a deployment while it is active.
TIMING = Timing(evaluation=0.01, start=0.2, healthy=0.2)
_EVERY = 0.02


class _Collector:
    """Forgets at random; `forgotten` counts deployments and evaluations."""

    def __init__(self, nomad: Simulator) -> None:
        self._nomad = nomad
        self._random = random.Random(4)
        self.forgotten = 0

    def collect(self) -> None:
        """Collect deployments although their allocations run, as when we return after an hour."""
        with self._nomad.at_work() as world:
            for deployment in list(self._some(each.id for each in world.deployments.values() if not each.active)):
                garbage.forget_deployment(world, deployment)
            for evaluation in list(self._some(each.id for each in world.evaluations.values() if each.terminal)):
                garbage.forget_evaluation(world, evaluation)

    def _some(self, ids: Iterable[str]) -> Iterator[str]:
        for each in ids:
            if self._random.random() < SHARE:
                self.forgotten += 1
                yield each


@asynccontextmanager
async def _collecting(nomad: Simulator, *, allocations: bool) -> AsyncIterator[_Collector]:
    """Collect at intervals inside the block; with `allocations`, ended allocations as well."""
    collector = _Collector(nomad)

    async def collect_forever() -> None:
        while True:
            collector.collect()
            if allocations:
                nomad.collect_garbage()
            await asyncio.sleep(_EVERY)

    task = asyncio.create_task(collect_forever())
    try:
        yield collector
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.usefixtures("quiet_logs")
async def test_collected_deployments_lose_no_outcome(database_url: str, proven: Proven) -> None:
    async with fleet(database_url, timing=TIMING) as ours:
        async with _collecting(ours.nomad, allocations=True) as collector:
            await ours.move_all(MOVES)
            await ours.quiet(*NAMES)
        assert ours.differences() == []
        assert total(ours.moves.values()) >= MOVES * len(NAMES)
        assert collector.forgotten > MOVES * len(NAMES)
        for name in NAMES:
            assert await ours.outcomes(name) == [(move.digest, "succeeded") for move in ours.moves[name]]
        assert await ours.unregistered() == []
        proven(moves=total(ours.moves.values()), met=collector.forgotten)


@pytest.mark.usefixtures("quiet_logs")
async def test_collected_failed_deployments_count_as_failed(database_url: str) -> None:
    """The allocations still show the failure."""
    async with fleet(database_url, names=FEW, timing=TIMING) as ours, _collecting(ours.nomad, allocations=False):
        good = {name: ours.runs(name) for name in FEW}
        ours.nomad.judge(":v1.1.0@", Fate.EXITS_NONZERO)
        await ours.at_each(ours.move)
        await ours.until(lambda: all(len(ours.registered(name)) == 2 for name in FEW), lambda: "all went back")
        await ours.quiet(*FEW)
        for name in FEW:
            (bad,) = ours.moves[name]
            assert [each.digest for each in ours.registered(name)] == [bad.digest, good[name]]
            assert await ours.outcomes(name) == [(bad.digest, "failed"), (good[name], "succeeded")]
