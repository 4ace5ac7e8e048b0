"""Register what a look decided, and find out what became of a registration whose answer was lost.

The row of the rollout is the recovery point: it holds the exact patch before Nomad hears of it. A patch is never
posted twice blindly: check-and-set fences it, and `recover` reads back first.
"""

from typing import TYPE_CHECKING

import structlog

from app.domain.rollout import Outcome, OutcomeKind
from app.errors import JobChanged, JobRejected, NomadDenied
from app.services.ringing import OBSERVE, ring_written
from app.services.target import Claim, Launch

if TYPE_CHECKING:
    from app.services.look import Looker

log = structlog.get_logger()


async def submit(looker: "Looker", claim: Claim, launch: Launch) -> None:
    """Post the launch's patch and record Nomad's answer.

    Raises what the deployer raises, except that a person's rollout which Nomad refuses ends here with its reason: a
    person can mend and ask again, while the rule's own is put off and tried again later.
    """
    log.info("rollout.submitting", target=claim.target_id, rollout=str(launch.rollout_id))
    try:
        submission = await looker.deployer.submit(claim.place, launch.patch)
    except (NomadDenied, JobRejected) as error:
        if not (launch.reuse and claim.rollout is not None and claim.rollout.origin.by_person):
            await looker.looks.withdraw(claim, launch.rollout_id)
            raise
        outcome = Outcome(kind=OutcomeKind.REFUSED, reason=str(error))
        written = await looker.looks.refuse(claim, launch.rollout_id, outcome)
        ring_written(looker.doorbell, claim.target_id, written)
        return
    written = await looker.looks.submitted(claim, launch.rollout_id, launch.patch, submission)
    log.info("rollout.submitted", target=claim.target_id, rollout=str(launch.rollout_id), index=submission.index)
    looker.doorbell.ring(OBSERVE, str(launch.rollout_id))
    ring_written(looker.doorbell, claim.target_id, written)


async def recover_open(looker: "Looker", claim: Claim) -> bool:
    """Settle an open rollout whose patch may have reached Nomad already; True when it had, and the look is done."""
    rollout = claim.rollout
    if rollout is None or rollout.submitted or rollout.patch is None:
        return False
    try:
        submission = await looker.deployer.recover(claim.place, rollout.patch)
    except JobChanged:
        return False
    if submission is None:
        return False
    written = await looker.looks.submitted(claim, rollout.rollout_id, rollout.patch, submission)
    log.info("rollout.recovered", target=claim.target_id, rollout=str(rollout.rollout_id), index=submission.index)
    looker.doorbell.ring(OBSERVE, str(rollout.rollout_id))
    ring_written(looker.doorbell, claim.target_id, written)
    return True
