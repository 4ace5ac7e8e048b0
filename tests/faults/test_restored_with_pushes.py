"""Given a Nomad that is restored from a snapshot several times while tags move, with all processes running, then the
newest push of each repository is what Nomad ends on, and only what a restore lost is registered again."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

from app.simulators.nomad import LedgerEntry, Timing, restore_snapshot, save_snapshot
from tests.cluster import Cluster, cluster, until
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import missing, registered
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves
from tests.faults.tag_moves import Moves
from tests.machine_load import machine

NAMES = [f"r{number:02}" for number in range(8)]
MOVES = moves(ci=200, long=2000)
RESTORES = moves(ci=6, long=60)
EVERY = 2.0  # seconds between two restores; each is of a snapshot that is half as old
BAR = 10.0


def _repeats(entries: list[LedgerEntry], restores: list[float]) -> list[str]:
    """Registrations of one job that repeat the one before, although no restore came between them."""
    return [
        f"{registered(later)} again at {later.time:.3f}, {later.time - earlier.time:.3f} s later"
        for earlier, later in pairwise(entries)
        if registered(earlier) == registered(later) and not any(earlier.time <= at <= later.time for at in restores)
    ]


def _stale(ours: Cluster, name: str) -> bool:
    """Whether the job runs something else than its last registration."""
    image = ours.nomad.job(name)["TaskGroups"][0]["Tasks"][0]["Config"]["image"]
    entries = ours.nomad.ledger.entries(job=name)
    return bool(entries) and not image.endswith(f"@{registered(entries[-1]).digest}")


async def _restore_often(ours: Cluster, restores: list[float]) -> int:
    """Restore older states; returns how many registrations they lost."""
    lost = 0
    for number in range(RESTORES):
        snapshot = save_snapshot(ours.nomad)
        saved_at = time.time()
        await asyncio.sleep(EVERY / 2)
        lost += sum(entry.time > saved_at for entry in ours.nomad.ledger.entries())
        restore_snapshot(ours.nomad, snapshot, new_servers=number % 2 == 1)
        restores.append(time.time())
        await asyncio.sleep(EVERY / 2)
    return lost


async def test_restores_while_tags_move_end_right(
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
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.3))
        for kind in ("web", "web", "worker", "worker", "poller"):
            ours.start(kind)
        await answering(ours)
        restores: list[float] = []
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            pushes = Moves(sender, NAMES)
            pushing = asyncio.create_task(pushes.make(MOVES, seconds=RESTORES * EVERY))
            lost = await _restore_often(ours, restores)
            await pushing
            last_push = time.monotonic()

            def wrong() -> list[object]:
                return [missing(ours, pushes.finals) or "", *(name for name in NAMES if _stale(ours, name))]

            await until(lambda: not any(wrong()), wrong, within=120)
            seconds = time.monotonic() - last_push
            await outcomes.settled(NAMES)
            assert set(sender.answers) == {202}
        print(f"{MOVES} pushes, {len(restores)} restores that lost {lost} registrations, right after {seconds:.1f} s")
        assert lost >= RESTORES, "hardly any registration was lost"
        assert seconds < BAR * busy.stretch
        assert [name for name in NAMES if _stale(ours, name)] == []
        assert missing(ours, pushes.finals) == {}
        found = {name: _repeats(ours.nomad.ledger.entries(job=name), restores) for name in NAMES}
        assert {name: repeats for name, repeats in found.items() if repeats} == {}
        proven(moves=MOVES, met=len(restores), lost_registrations=lost, right_after=round(seconds, 1))
