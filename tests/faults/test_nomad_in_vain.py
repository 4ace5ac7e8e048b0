"""Given a Nomad that answers registrations and does not apply them, or always finds a conflict, then it is asked ever
more rarely, and each move is registered exactly once when it behaves again."""

import asyncio

import orjson
import pytest

from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.faults.fleet import NAMES, Fleet, fleet

EIGHT = NAMES[:8]
SECONDS = 5.0
_FOR_EVER = 1_000_000

_FAR = 10_000_000
ANSWERS = {
    "a new version that is not there": (200, {"EvalID": "e", "JobModifyIndex": _FAR, "Index": _FAR}),
    "no change, which is wrong": (200, {"EvalID": "e", "JobModifyIndex": 1, "Index": _FAR}),
    "an empty object": (200, {}),
    "a conflict": (500, "Enforcing job modify index 7: job exists with conflicting job modify index: 9"),
}


class _Vain:
    """Answers all registrations without applying them."""

    def __init__(self, ours: Fleet, kind: str, *, times: int = _FOR_EVER) -> None:
        status, body = ANSWERS[kind]
        text = body if isinstance(body, str) else orjson.dumps(body).decode()
        self._times = times
        self._fault = NomadFault(
            action=FaultAction.STATUS, method="POST", path="/v1/job/r??", status=status, text=text, times=times
        )
        ours.nomad.faults.add(self._fault)

    @property
    def posts(self) -> int:
        return self._times - self._fault.times


@pytest.mark.usefixtures("quiet_logs")
@pytest.mark.parametrize("kind", [*ANSWERS])
async def test_a_registration_in_vain_is_repeated_ever_more_rarely(kind: str, database_url: str) -> None:
    async with fleet(database_url, names=EIGHT) as ours:
        vain = _Vain(ours, kind)
        await ours.at_each(ours.move)
        await asyncio.sleep(SECONDS)
        assert 2 * len(EIGHT) <= vain.posts <= 8 * len(EIGHT)
        ours.nomad.faults.clear()
        for name in EIGHT:
            await ours.arrives(name)
        await ours.quiet(*EIGHT)
        assert ours.differences() == []
        for name in EIGHT:
            assert await ours.outcomes(name) == [(ours.moves[name][0].digest, "succeeded")]


@pytest.mark.usefixtures("quiet_logs")
async def test_one_conflict_is_repeated_at_once(database_url: str) -> None:
    async with fleet(database_url, names=EIGHT) as ours:
        await ours.line.rows.record_requeue_delays("due_at")
        vain = _Vain(ours, "a conflict", times=1)
        await ours.move(EIGHT[0])
        await ours.arrives(EIGHT[0])
        await ours.quiet(EIGHT[0])
        assert vain.posts == 1
        assert ours.differences() == []
        assert max(await ours.line.rows.requeue_delays()) <= 0.1
