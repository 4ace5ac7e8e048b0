"""Given a Nomad that fails in some way while 200 tags move, then nothing is lost and nothing is registered twice."""

import asyncio
from collections.abc import Iterator

import pytest

from app.local.nomad import Simulator
from app.local.nomad.faults import Action, Fault
from app.local.nomad.timing import Timing
from tests.cluster import Cluster, cluster, until
from tests.faults.deliveries import Teller, answering
from tests.faults.moves import Moves
from tests.faults.oracle import faults, missing
from tests.faults.outcomes import reading
from tests.servers.postgres import Databases
from tests.servers.valkey import LogicalDatabases

NAMES = [f"r{number:02}" for number in range(20)]
MOVES = 200
SECONDS = 4.0

FAULTS = {
    "500 before it is applied": Fault(action=Action.STATUS, method="POST", status=500, text="rpc error: EOF"),
    "500 after it was applied": Fault(
        action=Action.STATUS, method="POST", status=500, after=True, text="rpc error: EOF"
    ),
    "reset before it is applied": Fault(action=Action.RESET, method="POST"),
    "reset after it was applied": Fault(action=Action.RESET, method="POST", after=True),
    "429": Fault(action=Action.STATUS, status=429),
    "no leader": Fault(action=Action.STATUS, status=500, text="No cluster leader"),
    "reset of anything": Fault(action=Action.RESET),
    "hang": Fault(action=Action.HANG, seconds=1.5),
}


@pytest.fixture(scope="module")
def ours(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, logical_databases: LogicalDatabases
) -> Iterator[tuple[Cluster, str]]:
    """One cluster for all faults, and its database: starting one takes longer than a fault."""
    database_url = databases.fresh()
    with cluster(
        tmp_path_factory.mktemp("cluster"),
        database_url=database_url,
        redis_url=logical_databases.fresh(),
        names=NAMES,
        settings='poll_interval = "1h"',
    ) as made:
        made.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "worker", "worker"):
            made.start(kind)
        yield made, database_url
    databases.drop(database_url)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
async def test_faulty_answers(kind: str, ours: tuple[Cluster, str]) -> None:
    made, database_url = ours
    await answering(made)
    async with Teller(made) as teller, reading(database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = Moves(teller, NAMES, number=_begun(made))
        spoiling = asyncio.create_task(_spoil(made.nomad, FAULTS[kind]))
        await moves.make(MOVES, seconds=SECONDS)
        spoiling.cancel()
        made.nomad.faults.clear()
        await until(lambda: not missing(made, moves.finals), lambda: missing(made, moves.finals), within=60)
        await outcomes.settled(NAMES)
    assert faults(made, moves.finals) == []


@pytest.mark.slow
async def test_another_writer(ours: tuple[Cluster, str]) -> None:
    made, database_url = ours
    await answering(made)
    async with Teller(made) as teller, reading(database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = Moves(teller, NAMES, number=_begun(made))
        scaled: dict[str, int] = {}
        scaling = asyncio.create_task(_scale(made.nomad, scaled))
        await moves.make(MOVES, seconds=SECONDS)
        scaling.cancel()
        await until(lambda: not missing(made, moves.finals), lambda: missing(made, moves.finals), within=60)
        await outcomes.settled(NAMES)
    assert faults(made, moves.finals) == []
    counts = {name: made.nomad.job(name)["TaskGroups"][0]["Count"] for name in scaled}
    assert counts == scaled, "a registration undid what somebody else had changed"


def _begun(made: Cluster) -> int:
    """Where the moves of the faults before have ended, three to a tag: no tag is met again."""
    pushed = made.registry.contents.tags(f"team/{NAMES[0]}") or ()
    return 3 * (len(pushed) - 1)


async def _spoil(nomad: Simulator, fault: Fault) -> None:
    """Every now and then the next request that fits goes wrong."""
    while True:
        if not nomad.faults.waiting:
            fresh = {name: getattr(fault, name) for name in fault.__slots__}
            nomad.faults.add(Fault(**{**fresh, "times": 2}))
        await asyncio.sleep(0.1)


async def _scale(nomad: Simulator, scaled: dict[str, int]) -> None:
    """An autoscaler: each job in turn wants another count."""
    number = 0
    while True:
        name = NAMES[number % len(NAMES)]
        scaled[name] = 1 + number // len(NAMES) % 3
        nomad.scale(name, count=scaled[name])
        number += 1
        await asyncio.sleep(0.01)
