"""What must hold after every step, by the ledgers of the registry and of Nomad."""

from collections import Counter
from collections.abc import Iterator

from tests.machine.ledger import Ledger, Registration
from tests.machine.registry import LedgerRegistry
from tests.machine.stage import repository


def faults(ledger: Ledger, registry: LedgerRegistry, *, since: int) -> Iterator[str]:
    """What is wrong with our registrations since that tick."""
    for each in ledger.registrations:
        if each.is_ours and each.tick > since:
            for problem in _faults(ledger, registry, each):
                yield f"{each.entry.job} {each.image.text.rpartition('/')[2]} (tick {each.tick}): {problem}"


def _faults(ledger: Ledger, registry: LedgerRegistry, made: Registration) -> Iterator[str]:
    job, evidence = made.entry.job, made.evidence
    if evidence is None:
        yield "registered by no process that had stored a launch"
        return
    if made.entry.enforce_index != made.base:
        yield f"registered over another change: at {made.entry.enforce_index}, the job was at {made.base}"
    registered = Counter(
        each.evidence.rollout_id for each in ledger.registrations if each.evidence and each.epoch == made.epoch
    )
    if registered[evidence.rollout_id] > 1:
        yield f"rollout {evidence.rollout_id} was registered {registered[evidence.rollout_id]} times"
    by_person = ledger.commanded(job, evidence.rollout_id)
    if not by_person and made.before is not None and made.before.text == made.image.text:
        yield "registered twice in a row"
    if _returns(ledger, made, by_person=by_person):
        return
    if evidence.reads.get(made.image.tag) != made.image.digest:
        yield f"stale: the registry had answered {evidence.reads}"
    if not registry.has_shown(repository(job), made.image.tag, made.image.digest):
        yield "the registry never showed it"
    if not by_person and not evidence.may_deploy:
        yield "registered by the rule while auto deploy was off or everything was paused"


def _returns(ledger: Ledger, made: Registration, *, by_person: bool) -> bool:
    """Whether it goes back to an image that ran before: a person's rollback, or the undo of a failure."""
    earlier = [each for each in ledger.of(made.entry.job) if each.tick < made.tick]
    known = {each.before.digest for each in earlier if each.before} | {each.image.digest for each in earlier}
    failed = made.before is not None and made.before.digest in ledger.failing
    return made.image.digest in known and (by_person or failed)
