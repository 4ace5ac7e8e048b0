"""Given a Nomad in which everything fails while 300 tags move, and workers that may take over each other's work, then
nothing is lost and nothing is registered twice."""

from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.faults.conftest import NAMES, Shared
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.outcomes import reading
from tests.faults.random_faults import Chance, Chances

MOVES = 300
SECONDS = 10.0

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


async def test_all_faults_together_lose_and_repeat_nothing(shared: Shared) -> None:
    nomad = shared.cluster.nomad
    await answering(shared.cluster)
    async with DeliverySender(shared.cluster) as sender, reading(shared.database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = shared.moves(sender)
        chances = nomad.faults = Chances(*EVERYTHING)
        await moves.make(MOVES, seconds=SECONDS)
        chances.clear()
        await shared.ends_right(moves, outcomes)
        assert chances.struck > MOVES
