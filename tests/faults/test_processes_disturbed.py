"""Given several workers, then only one reconciles a target; given a poller that dies, then another one goes on."""

import time
from pathlib import Path

from app.simulators.nomad.timing import Timing
from app.simulators.registry.faults import Hang, RegistryFault
from tests.cluster import Cluster, cluster, until
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults
from tests.faults.outcomes import reading
from tests.faults.tag_moves import Moves
from tests.machine_load import machine

NAMES = [f"r{number:02}" for number in range(20)]
LEASE = 2
SETTINGS = f'lease_seconds = {LEASE}\npoll_interval = "1h"'


def _start(ours: Cluster, *kinds: str) -> None:
    ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
    for kind in kinds:
        ours.start(kind)


async def test_only_one_worker_reconciles_a_target(server_directory: Path, database_url: str, redis_url: str) -> None:
    """Check-and-set would hide it in the ledger, so the registry counts concurrent requests for one repository."""
    names = NAMES[:4]
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=names, settings=SETTINGS
    ) as ours:
        _start(ours, "web", "worker", "worker", "worker")
        await answering(ours)
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled(names)
            ours.registry.faults.add(RegistryFault(path="/v2/team/.*", action=Hang(seconds=0.05), times=100_000))
            moves = Moves(sender, names)
            await moves.make(100, seconds=3)
            await deployed(ours, moves.finals)
        assert {name: ours.overlaps.most[f"team/{name}"] for name in names} == dict.fromkeys(names, 1)
        assert faults(ours, moves.finals) == []


async def test_a_killed_poller_is_replaced_by_the_other_without_webhooks(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    settings = f'lease_seconds = {LEASE}\npoll_interval = "2s"'
    took = []
    with (
        machine() as pace,
        cluster(
            server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=settings
        ) as ours,
    ):
        _start(ours, "worker", "poller", "poller")
        finals: dict[str, Shown] = {}
        async with reading(database_url) as outcomes:
            await until(lambda: outcomes.quiet, "the configuration is read", within=90)
            for number in range(3):
                for name in NAMES:
                    tag = f"v1.{number + 1}.0"
                    finals[name] = Shown(
                        tag=tag, digest=ours.registry.push(f"team/{name}", tag, content=f"{name} {tag}")
                    )
                if number == 1:
                    ours.processes[1].kill()
                pushed_at = time.monotonic()
                await deployed(ours, finals)
                took.append(time.monotonic() - pushed_at)
        print(f"found after {took}, stretch {pace.stretch:.1f}")
        assert max(took) < (2 * 1.1 + 5) * pace.stretch
        assert faults(ours, finals) == []
