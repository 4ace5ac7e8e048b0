"""Given a database that is restored from an older backup while all processes run and pushes go on, then each job ends
on the newest push, nothing is deployed twice in a row, and no watch is held without a cause."""

import asyncio
from pathlib import Path

from app.simulators.nomad.timing import Timing
from tests.cluster import cluster
from tests.faults.arrival import deployed
from tests.faults.decisions import decided
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves
from tests.faults.statements import connected
from tests.machine_load import machine
from tests.servers.backups import back_up, restore

NAMES = [f"r{number:02}" for number in range(8)]
MOVES = moves(ci=200, long=2000)
RESTORES = moves(ci=2, long=20)
SECONDS = 6.0  # of pushes, for each restore
BAR = 10.0


class _Pushes:
    """New releases of each repository in turn. `finals` is the newest of each."""

    def __init__(self, sender: DeliverySender) -> None:
        self._sender = sender
        self._number = 0
        self.finals: dict[str, Shown] = {}

    async def make(self, count: int, *, seconds: float) -> None:
        for _ in range(count):
            name, tag = NAMES[self._number % len(NAMES)], f"v1.{self._number // len(NAMES) + 1}.0"
            self._number += 1
            self.finals[name] = Shown(tag=tag, digest=await self._sender.push(name, tag, f"{name} {tag}"))
            await asyncio.sleep(seconds / count)


async def _rollouts(database_url: str) -> int:
    async with connected(database_url) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM rollouts"))


async def test_an_older_database_ends_right(
    server_directory: Path, tmp_path: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with (
        machine() as busy,
        cluster(
            server_directory,
            database_url=database_url,
            redis_url=redis_url,
            names=NAMES,
            settings='poll_interval = "2s"\nlease_seconds = 2',
        ) as ours,
    ):
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.2))
        for kind in ("web", "worker", "worker", "poller"):
            ours.start(kind)
        await answering(ours)
        forgotten = 0
        async with DeliverySender(ours) as sender:
            async with reading(database_url) as outcomes:
                await outcomes.settled(NAMES)
            pushes = _Pushes(sender)
            for number in range(RESTORES):
                pushing = asyncio.create_task(pushes.make(MOVES // RESTORES, seconds=SECONDS))
                await asyncio.sleep(SECONDS / 4)
                file = tmp_path / f"backup-{number}"
                await back_up(database_url, file)
                await asyncio.sleep(SECONDS / 2)
                known = await _rollouts(database_url)
                await restore(database_url, file)
                forgotten += known - await _rollouts(database_url)
                await pushing
                seconds = await deployed(ours, pushes.finals)
                print(f"right {seconds:.1f} s after the last push, stretch {busy.stretch:.1f}")
                assert seconds < BAR * busy.stretch
            async with reading(database_url) as outcomes:
                await outcomes.settled(NAMES)
            async with connected(database_url) as connection:
                decisions = await decided(connection)
        print(f"{MOVES} pushes, {RESTORES} restores, {forgotten} rollouts forgotten, answers {dict(sender.answers)}")
        assert forgotten > 10 * RESTORES
        assert {name: reason for name, (reason, _) in decisions.items() if reason != "up_to_date"} == {}
        assert {name: digest for name, (_, digest) in decisions.items()} == {
            name: final.digest for name, final in pushes.finals.items()
        }
        assert faults(ours, pushes.finals) == []
        proven(moves=MOVES, met=RESTORES, forgotten_rollouts=forgotten, right_after=round(seconds, 1))
