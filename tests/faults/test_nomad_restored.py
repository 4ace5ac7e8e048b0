"""Given a Nomad that is restored from a snapshot while rollouts are under way, then each of them ends right within ten
seconds, and only what the restore lost is registered again."""

import asyncio

import pytest

from app.simulators.nomad import Timing, restore_snapshot, save_snapshot
from tests.faults.fleet import FEW, Fleet, fleet
from tests.machine_load import machine

BAR = 10.0
QUICK = Timing(evaluation=0.01, start=0.05, healthy=0.1)
UNDER_WAY = Timing(evaluation=0.01, start=0.05, healthy=3600.0, progress_deadline=7200.0)  # until Nomad is restored


async def _all_wait(ours: Fleet) -> None:
    """Wait until each job's move is registered, and a blocking query waits for its deployment."""
    for name in ours.names:
        await ours.arrives(name)
    asked = ours.nomad.ledger.waits
    before = asked.total()
    await ours.until(lambda: asked.total() > before and ours.nomad.world.waits > 0, lambda: "Nomad is waited for")


@pytest.mark.usefixtures("quiet_logs")
@pytest.mark.parametrize("new_servers", [False, True], ids=["the same servers", "new servers"])
@pytest.mark.parametrize("lost", [False, True], ids=["with our registration", "older than our registration"])
async def test_a_restore_in_the_middle_of_rollouts_is_noticed_at_once(
    lost: bool, new_servers: bool, database_url: str
) -> None:
    with machine() as busy:
        async with fleet(database_url, names=FEW, timing=QUICK) as ours:
            ours.nomad.set_timing(UNDER_WAY)
            snapshot = save_snapshot(ours.nomad)
            await ours.at_each(ours.move)
            if lost:
                await _all_wait(ours)
            else:
                for name in FEW:
                    await ours.arrives(name)
                snapshot = save_snapshot(ours.nomad)
                await _all_wait(ours)
            ours.nomad.set_timing(QUICK)
            restore_snapshot(ours.nomad, snapshot, new_servers=new_servers)
            begun = asyncio.get_running_loop().time()
            await ours.quiet(*FEW)
            seconds = asyncio.get_running_loop().time() - begun
            assert seconds < BAR * busy.stretch
            for name in FEW:
                (move,) = ours.moves[name]
                assert ours.registered(name) == [move, move] if lost else [move]
                assert ours.runs(name) == move.digest
                assert await ours.outcomes(name) == [(move.digest, "succeeded")]
            assert await ours.unregistered() == []
