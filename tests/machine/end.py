"""The end of a run: every fault stops, frozen processes return, and the work that is left is done in bounded rounds."""

from tests.machine.judged import situations
from tests.machine.oracle import fault
from tests.machine.stage import Stage

ROUNDS = 40
_QUIET = 2  # rounds without a registration, an open rollout or an unanswered event


async def settle(stage: Stage) -> list[str]:
    """Stop every fault and work until nothing moves any more; says what still moves after `ROUNDS` rounds."""
    stage.registry.outage = None
    stage.nomad.simulator.faults.clear()
    for process in list(stage.frozen):
        if problem := await stage.return_fenced(process):
            return [problem]
    quiet = 0
    for _ in range(ROUNDS):
        before = len(stage.ledger.registrations)
        await stage.rows.expire_leases()
        await stage.poll()
        await stage.work_round()
        has_work = await stage.rows.open_rollouts() or await stage.rows.unanswered_events()
        is_quiet = len(stage.ledger.registrations) == before and not has_work
        quiet = quiet + 1 if is_quiet else 0
        if quiet == _QUIET:
            return []
    moving = [dict(row) for row in await stage.rows.watches()]
    events = await stage.rows.unanswered_events()
    return [f"not settled after {ROUNDS} rounds: {moving}, unanswered events of {events}"]


async def wrong_at_the_end(stage: Stage) -> list[str]:
    """What is not as the rule says."""
    found = [fault(stage.ledger, now, hold) for now, hold in await situations(stage)]
    recorded = await stage.rows.registered_rollouts()
    for each in stage.ledger.registrations:
        if each.evidence and each.epoch == stage.ledger.epoch and each.evidence.rollout_id not in recorded:
            found.append(f"{each.entry.job}: the registration of {each.image} by {each.evidence} is not on record")
    return [each for each in found if each]
