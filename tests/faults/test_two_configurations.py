"""Given processes with two different files at once, then the newer set of watches is in force in all of them: nothing
of it is lost, nothing that left is deployed any more, and the difference is named while it lasts."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import httpx

from app.simulators.nomad.timing import Timing
from tests.cluster import Cluster, cluster, until
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults, registered
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves
from tests.servers.no_tls import NO_TLS

NAMES = [f"r{number:02}" for number in range(20)]
BOTH, LEAVING, COMING = NAMES[:10], NAMES[10:14], NAMES[14:]
MOVES = moves(ci=200, long=2000)
DIFFERENT = "processes have different configurations"
SEED = 12


class _Pushes:
    """New releases of all repositories in random order. `pushed` are those of each, oldest first."""

    def __init__(self, sender: DeliverySender) -> None:
        self._sender = sender
        self._random = random.Random(SEED)
        self.pushed: dict[str, list[Shown]] = {name: [] for name in NAMES}

    async def make(self, count: int, *, seconds: float) -> None:
        for _ in range(count):
            name = self._random.choice(NAMES)
            tag = f"v1.{len(self.pushed[name]) + 1}.0"
            self.pushed[name].append(Shown(tag=tag, digest=await self._sender.push(name, tag, f"{name} {tag}")))
            await asyncio.sleep(seconds / count)

    def finals(self, *groups: list[str]) -> dict[str, Shown]:
        return {name: self.pushed[name][-1] for group in groups for name in group if self.pushed[name]}


def _two_files(ours: Cluster) -> Path:
    """The older file in the place of the configuration, and the newer one beside it."""
    everything = ours.config.read_text()
    assert repr(NAMES) in everything
    ours.config.write_text(everything.replace(repr(NAMES), repr([*BOTH, *LEAVING])))
    newer = ours.directory / "newer.toml"
    newer.write_text(everything.replace(repr(NAMES), repr([*BOTH, *COMING])))
    return newer


async def _get(ours: Cluster, path: str) -> Any:
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:
        return (await client.get(f"{ours.webs[-1]}{path}")).json()


async def _is_named(ours: Cluster) -> bool:
    return DIFFERENT in str(await _get(ours, "/readyz"))


async def _watched(ours: Cluster) -> set[str]:
    return set(await _get(ours, "/repos"))


async def test_the_newer_of_two_files_is_in_force_and_loses_nothing(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with cluster(
        server_directory,
        database_url=database_url,
        redis_url=redis_url,
        names=NAMES,
        settings='poll_interval = "1h"\nlease_seconds = 2',
    ) as ours:
        newer = _two_files(ours)
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        web, worker = ours.start("web"), ours.start("worker")
        await answering(ours)
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled([*BOTH, *LEAVING])
            pushes = _Pushes(sender)
            await pushes.make(MOVES // 4, seconds=3)
            await deployed(ours, pushes.finals(BOTH, LEAVING))
            assert not any(ours.nomad.ledger.entries(job=name) for name in COMING)
            await outcomes.settled([*BOTH, *LEAVING])
            changing = asyncio.create_task(pushes.make(MOVES // 4, seconds=6))
            ours.start("worker", "--config", str(newer))
            await until(lambda: _is_in_force(ours), "the newer file is in force", within=60)
            worker.terminate()
            await until(lambda: not worker.running, "the worker with the older file ends", within=60)
            in_force_at = time.time()
            await changing
            # The web with the older file stays; another that starts with it changes nothing.
            ours.start("web")
            await answering(ours)
            web.kill()
            await pushes.make(MOVES // 4, seconds=3)
            await until(lambda: _is_named(ours), DIFFERENT, within=60)
            assert await _watched(ours) == {*BOTH, *COMING}
            last = ours.start("web", "--config", str(newer))
            await answering(ours)
            for each in ours.processes:
                if each.url and each is not last and each.running:
                    each.terminate()
            await pushes.make(MOVES // 4, seconds=3)
            finals = pushes.finals(BOTH, COMING)
            await deployed(ours, finals)
            await outcomes.settled([*BOTH, *COMING])
            await until(lambda: _is_not_named(ours), f"no longer: {DIFFERENT}", within=60)
            assert set(sender.answers) <= {0, 202}
        print(f"{MOVES} pushes, answers {dict(sender.answers)}, seed {SEED}")
        late = [entry for name in LEAVING for entry in ours.nomad.ledger.entries(job=name) if entry.time > in_force_at]
        assert [registered(entry) for entry in late] == []
        assert faults(ours, finals) == []
        proven(moves=MOVES, answers=sender.answers)


async def _is_in_force(ours: Cluster) -> bool:
    return await _watched(ours) == {*BOTH, *COMING}


async def _is_not_named(ours: Cluster) -> bool:
    return not await _is_named(ours)
