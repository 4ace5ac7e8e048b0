"""Given a Nomad whose answers fail at random while hundreds of tags move, then each is registered exactly once, in
order, and every rollout has the recorded outcome that it really had."""

import pytest

from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.faults.fleet import NAMES, fleet, total
from tests.faults.proof import Proven
from tests.faults.random_faults import Chance, Chances
from tests.faults.sizes import moves

MOVES = moves(ci=5, long=50)  # of each of 40 jobs
TIMEOUT = 0.5  # our client's timeout, in seconds

_REGISTER = "/v1/job/r??"
_EOF = "rpc error: EOF"

# A write that was applied in spite of its error must not be posted again.
_APPLIED = "cut off, or 500, after a write was applied"
FAULTS = {
    _APPLIED: [
        Chance(fault=NomadFault(action=FaultAction.RESET, method="POST", path=_REGISTER, after=True), share=0.3),
        Chance(
            fault=NomadFault(action=FaultAction.STATUS, method="POST", path=_REGISTER, text=_EOF, after=True), share=0.3
        ),
        Chance(fault=NomadFault(action=FaultAction.RESET, method="GET"), share=0.03),
    ],
    "no leader, or too many requests": [
        Chance(fault=NomadFault(action=FaultAction.STATUS, text="No cluster leader"), share=0.04),
        Chance(fault=NomadFault(action=FaultAction.STATUS, status=429), share=0.02),
    ],
    "hang, up to beyond our time": [
        Chance(
            fault=NomadFault(action=FaultAction.HANG, method="POST", path=_REGISTER, seconds=8 * TIMEOUT), share=0.2
        ),
        Chance(fault=NomadFault(action=FaultAction.HANG, method="GET", seconds=1.5 * TIMEOUT), share=0.03),
    ],
    "cut off, or 500, before a write is applied": [
        Chance(fault=NomadFault(action=FaultAction.RESET, method="POST", path=_REGISTER), share=0.15),
        Chance(fault=NomadFault(action=FaultAction.STATUS, method="POST", path=_REGISTER, text=_EOF), share=0.15),
        Chance(fault=NomadFault(action=FaultAction.STATUS, method="GET", text=_EOF), share=0.03),
    ],
    "woken for nothing, and indexes that go backwards": [
        Chance(fault=NomadFault(action=FaultAction.WAKE, method="GET"), share=0.3),
        Chance(fault=NomadFault(action=FaultAction.INDEX, method="GET", index=1), share=0.3),
    ],
}


@pytest.mark.usefixtures("quiet_logs")
@pytest.mark.parametrize("kind", FAULTS)
async def test_failing_answers_lose_and_repeat_no_registration(kind: str, database_url: str, proven: Proven) -> None:
    async with fleet(database_url, nomad_timeout=TIMEOUT) as ours:
        chances = ours.nomad.faults = Chances(*FAULTS[kind])
        await ours.move_all(MOVES)
        await ours.recover(chances)
        assert ours.differences() == []
        assert total(ours.moves.values()) == MOVES * len(NAMES)
        assert chances.struck > MOVES * len(NAMES) / 4, "the fault was hardly met"
        if kind == _APPLIED:
            assert ours.posts() == MOVES * len(NAMES), "what was applied was posted again"
        for name in NAMES:
            assert await ours.outcomes(name) == [(move.digest, "succeeded") for move in ours.moves[name]]
            assert ours.runs(name) == ours.moves[name][-1].digest
        assert await ours.unregistered() == []
        proven(moves=total(ours.moves.values()), met=chances.struck)
