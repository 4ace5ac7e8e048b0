"""Register the launch of a reconcile, and recover a registration whose answer was lost.

The row of the rollout is the recovery point: it has the exact patch before Nomad receives it. A patch is never posted
again without a check: `recover` reads the job back first, and check-and-set fences it.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from app.domain.rollout import Outcome, OutcomeKind
from app.errors import JobChanged, JobRejected, NomadDenied
from app.services.reconcile.claim import Claim, LaunchItem
from app.services.reconcile.reconciler import Reconciler
from app.services.reconcile.result import Launch
from app.services.wakeup.wake import FOLLOW, wake_written

log = structlog.get_logger()


async def register(reconciler: Reconciler, claim: Claim, launch: Launch) -> None:
    """Post the launch's patch and record Nomad's answer.

    Raises the deployer's errors, with one exception: if Nomad refuses a rollout that a person asked for, the rollout
    ends with that reason, because the person can fix it and ask again. A rollout of the rule is requeued instead.
    """
    log.info("rollout.submitting", **_named(claim, launch.rollout_id, launch.items))
    try:
        submission = await reconciler.deployer.submit(claim.place, launch.patch)
    except (NomadDenied, JobRejected) as error:
        if not (launch.reuse and claim.rollout is not None and claim.rollout.origin.by_person):
            await reconciler.targets.withdraw(claim, launch.rollout_id)
            raise
        outcome = Outcome(kind=OutcomeKind.REFUSED, reason=str(error))
        written = await reconciler.targets.refuse(claim, launch.rollout_id, outcome)
        wake_written(reconciler.waker, claim.target_id, written)
        return
    written = await reconciler.targets.submitted(claim, launch.rollout_id, launch.patch, submission)
    log.info("rollout.submitted", **_named(claim, launch.rollout_id, launch.items), index=submission.index)
    reconciler.waker.wake(FOLLOW, str(launch.rollout_id))
    wake_written(reconciler.waker, claim.target_id, written)


async def recover_open(reconciler: Reconciler, claim: Claim) -> bool:
    """Check whether the open rollout's patch has reached Nomad; if so, record it and return True: the pass is done."""
    rollout = claim.rollout
    if rollout is None or rollout.submitted or rollout.patch is None:
        return False
    try:
        submission = await reconciler.deployer.recover(claim.place, rollout.patch)
    except JobChanged:
        return False
    if submission is None:
        return False
    written = await reconciler.targets.submitted(claim, rollout.rollout_id, rollout.patch, submission)
    log.info("rollout.recovered", **_named(claim, rollout.rollout_id, rollout.items), index=submission.index)
    reconciler.waker.wake(FOLLOW, str(rollout.rollout_id))
    wake_written(reconciler.waker, claim.target_id, written)
    return True


def _named(claim: Claim, rollout_id: UUID, items: Sequence[LaunchItem]) -> Mapping[str, object]:
    """What each line of the log says of a rollout: its target and id, and the repositories and tags that it deploys."""
    repositories = {state.watch.name: state.watch.repository.path for state in claim.watches}
    what = [f"{repositories.get(each.watch, each.watch)}:{each.tag or each.digest}" for each in items]
    return {"target": claim.target_id, "rollout": str(rollout_id), "what": what}
