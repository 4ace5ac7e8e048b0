"""Given a Nomad that fails in some way while 200 tags move, then nothing is lost and nothing is registered twice."""

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import cycle

import pytest

from app.local.nomad import Simulator
from app.local.nomad.faults import Action, Fault
from tests.faults.conftest import NAMES, Shared
from tests.faults.deliveries import Teller, answering
from tests.faults.outcomes import reading

MOVES = 200
SECONDS = 4.0

# `times`: how many requests in a row go wrong, every tenth of a second.
FAULTS = {
    "500 before it is applied": Fault(action=Action.STATUS, method="POST", text="rpc error: EOF", times=2),
    "500 after it was applied": Fault(action=Action.STATUS, method="POST", text="rpc error: EOF", times=2, after=True),
    "reset before it is applied": Fault(action=Action.RESET, method="POST", times=2),
    "reset after it was applied": Fault(action=Action.RESET, method="POST", times=2, after=True),
    "429": Fault(action=Action.STATUS, status=429, times=2),
    "no leader": Fault(action=Action.STATUS, status=500, text="No cluster leader", times=2),
    "reset of anything": Fault(action=Action.RESET, times=2),
    "hang": Fault(action=Action.HANG, seconds=1.5, times=2),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
async def test_faulty_answers(kind: str, shared: Shared) -> None:
    nomad = shared.cluster.nomad
    await answering(shared.cluster)
    async with Teller(shared.cluster) as teller, reading(shared.database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = shared.moves(teller)
        spoiling = asyncio.create_task(_spoil(nomad, FAULTS[kind]))
        await moves.make(MOVES, seconds=SECONDS)
        spoiling.cancel()
        nomad.faults.clear()
        await shared.ends_right(moves, outcomes)


@pytest.mark.slow
async def test_another_writer(shared: Shared) -> None:
    nomad = shared.cluster.nomad
    await answering(shared.cluster)
    async with Teller(shared.cluster) as teller, reading(shared.database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = shared.moves(teller)
        scaled = Counter(dict.fromkeys(NAMES, 1))
        # A post on its way for a while is a post that others overtake.
        slowing = asyncio.create_task(_spoil(nomad, Fault(action=Action.HANG, method="POST", seconds=0.2, times=5)))
        scaling = asyncio.create_task(_scale(nomad, scaled))
        await moves.make(MOVES, seconds=SECONDS)
        scaling.cancel()
        slowing.cancel()
        nomad.faults.clear()
        await shared.ends_right(moves, outcomes)
    counts = {name: nomad.job(name)["TaskGroups"][0]["Count"] for name in NAMES}
    assert counts == scaled, "a registration undid what somebody else had changed"


async def _spoil(nomad: Simulator, fault: Fault) -> None:
    while True:
        if not nomad.faults.waiting:
            nomad.faults.add(replace(fault))
        await asyncio.sleep(0.1)


async def _scale(nomad: Simulator, scaled: Counter[str]) -> None:
    """An autoscaler: each job in turn gets one more, so that each step that is undone is missed at the end."""
    for name in cycle(NAMES):
        nomad.scale(name, count=nomad.job(name)["TaskGroups"][0]["Count"] + 1)
        scaled[name] += 1
        await asyncio.sleep(0.05)
