"""Given a Nomad in which everything fails while tags move, and workers that may take over each other's work, then
nothing is lost and nothing is registered twice."""

from pathlib import Path

from app.simulators.nomad.faults import FaultAction, NomadFault
from app.simulators.nomad.timing import Timing
from tests.cluster import cluster
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.random_faults import Chance, Chances
from tests.faults.sizes import moves
from tests.faults.tag_moves import Moves

NAMES = [f"r{number:02}" for number in range(8)]
MOVES = moves(ci=200, long=2000)
SECONDS = MOVES / 30

_REGISTER = "/v1/job/r??"
EVERYTHING = (
    Chance(fault=NomadFault(action=FaultAction.RESET, method="POST", path=_REGISTER, after=True), share=0.15),
    Chance(fault=NomadFault(action=FaultAction.RESET, method="POST", path=_REGISTER), share=0.05),
    Chance(fault=NomadFault(action=FaultAction.FOREIGN, method="POST", path=_REGISTER), share=0.1),
    Chance(fault=NomadFault(action=FaultAction.HANG, seconds=1.0), share=0.05),
    Chance(fault=NomadFault(action=FaultAction.STATUS, text="No cluster leader"), share=0.03),
    Chance(fault=NomadFault(action=FaultAction.STATUS, status=429), share=0.02),
    Chance(fault=NomadFault(action=FaultAction.WAKE, method="GET"), share=0.1),
    Chance(fault=NomadFault(action=FaultAction.INDEX, method="GET"), share=0.1),
)


async def test_all_faults_together_lose_and_repeat_nothing(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings='poll_interval = "1h"'
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "worker", "worker"):
            ours.start(kind)
        await answering(ours)
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            made = Moves(sender, NAMES)
            chances = ours.nomad.faults = Chances(*EVERYTHING)
            await made.make(MOVES, seconds=SECONDS)
            chances.clear()
            await deployed(ours, made.finals)
            assert faults(ours, made.finals) == []
            await outcomes.settled(NAMES)
        assert faults(ours, made.finals) == []
        assert chances.struck > MOVES
        proven(moves=MOVES, met=chances.struck)
