"""A process is struck before and after each of its calls: by a crash, or by a freeze during which it loses its lease.

The state machine meets these by chance, among everything else; here each is met once.
"""

import asyncio

import pytest

from tests.machine.end import settle, wrong_at_the_end
from tests.machine.gate import Fault, Plan
from tests.machine.judged import wrong_now
from tests.machine.process import Process
from tests.machine.stage import BROKEN, Stage, repository

JOB = "web"
RECONCILE = ("claim", "inspect", "tags", "manifest", "record_resolved", "settle", "submit", "submitted")
FOLLOW = ("claim", "observe", "wait", "end", "diagnose")
POINTS = [
    (work, call, after)
    for work, calls in (("reconcile", RECONCILE), ("follow", FOLLOW))
    for call in calls
    for after in (False, True)
]
every_call = pytest.mark.parametrize(("work", "call", "after"), POINTS)


@every_call
def test_a_process_crashes(stage: Stage, runner: asyncio.Runner, work: str, call: str, after: bool) -> None:
    async def run() -> None:
        await _struck(stage, work, Plan(fault=Fault.CRASH, call=call, after=after))
        await _comes_right(stage)

    runner.run(run())


@every_call
def test_a_process_returns_when_others_have_done_its_work(
    stage: Stage, runner: asyncio.Runner, work: str, call: str, after: bool
) -> None:
    async def run() -> None:
        process = await _struck(stage, work, Plan(fault=Fault.FREEZE, call=call, after=after))
        await stage.rows.expire_leases()
        for _ in range(3):
            await stage.work_round()
        assert await stage.return_fenced(process) == ""
        await _comes_right(stage)

    runner.run(run())


@every_call
def test_a_process_returns_while_another_has_its_lease(
    stage: Stage, runner: asyncio.Runner, work: str, call: str, after: bool
) -> None:
    async def run() -> None:
        process = await _struck(stage, work, Plan(fault=Fault.FREEZE, call=call, after=after))
        await stage.rows.expire_leases()
        await _work(stage, work, Plan(fault=Fault.FREEZE, call="claim", after=True))
        assert await stage.return_fenced(process) == ""
        await _comes_right(stage)

    runner.run(run())


async def _struck(stage: Stage, work: str, plan: Plan) -> Process:
    """A process that was struck in the middle of a deploy; one that is diagnosed fails."""
    await stage.reset()
    content = BROKEN if plan.call == "diagnose" else "second"
    stage.registry.put(repository(JOB), "v1.1.0", content, tick=stage.ledger.next())
    await stage.rows.hear_of(JOB)
    if work == "follow":
        await stage.reconcile(JOB, Plan())
    if plan.call in ("end", "diagnose"):
        stage.nomad.work(60.0)
    process = await _work(stage, work, plan)
    assert process.gate.calls[-1] == plan.call, process.gate.calls
    return process


async def _work(stage: Stage, work: str, plan: Plan) -> Process:
    return await (stage.reconcile if work == "reconcile" else stage.follow)(JOB, plan)


async def _comes_right(stage: Stage) -> None:
    assert await wrong_now(stage, since=0) == []
    assert await settle(stage) == []
    assert await wrong_now(stage, since=0) == []
    assert await wrong_at_the_end(stage) == []
