"""How many rollouts may be under way at once, and which target gets a slot. Pure; commands and undos never wait."""

from dataclasses import dataclass

from app.domain.watch import JobPlace
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Result, SlotBounds

# The end of a rollout wakes the target that has waited longest. These pauses, in seconds, cover a lost wake-up.
_PAUSE = 30.0
_OWN_PAUSE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The configuration for all rollouts together. `max_rollouts` 0 is no limit.

    `own_job` is the job that runs this program, in any region. It waits for other jobs that are due for `own_patience`
    seconds at most, and always for other jobs with a rollout under way.
    """

    max_rollouts: int
    stop_after_failure: bool
    own_job: JobPlace | None
    own_patience: float = 600.0

    def is_own(self, place: JobPlace) -> bool:
        """Whether this is the job that runs the program."""
        own = self.own_job
        return own is not None and (own.namespace, own.job_id) == (place.namespace, place.job_id)

    def bounds(self, place: JobPlace) -> SlotBounds:
        """The bounds that a rollout of the rule must meet at its launch."""
        return SlotBounds(
            at_most=1 if self.is_own(place) else self.max_rollouts, heeds_failures=self.stop_after_failure
        )

    def queue_reason(self, claim: Claim) -> str:
        """Why the target must wait for a slot, "" if it need not."""
        active = claim.others_active
        if not self.is_own(claim.place):
            full = 0 < self.max_rollouts <= active
            return f"{active} of at most {self.max_rollouts} rollouts are under way" if full else ""
        if active:
            return f"registrywatcher's own job goes last, and other rollouts are under way ({active})"
        if claim.others_due and not self._has_waited_enough(claim):
            return "registrywatcher's own job goes last, and other jobs are due for a check"
        return ""

    def pause(self, place: JobPlace) -> float:
        """The seconds until a queued target checks again, if nothing wakes it."""
        return _OWN_PAUSE if self.is_own(place) else _PAUSE

    def _has_waited_enough(self, claim: Claim) -> bool:
        since = claim.queued_since
        return since is not None and (claim.now - since).total_seconds() > self.own_patience


def is_bound(result: Result) -> bool:
    """Whether changes of other targets since the reconcile began may forbid its launch, or end its wait for a slot."""
    bounds = result.bounds
    queued = bool(result.queued) and not result.queued_last
    return (
        bounds is not None and (queued or result.launch is not None) and (bounds.at_most > 0 or bounds.heeds_failures)
    )


def no_longer_holds(bounds: SlotBounds, *, launches: bool, active: int, failed: bool) -> bool:
    """Whether the reconcile is void: it launches but no longer may, or it waits although a slot is free.

    `active` counts the rollouts of other targets that are under way. `failed` is whether the launched image failed on
    another job since the reconcile began.
    """
    if not launches:
        return active < bounds.at_most
    return 0 < bounds.at_most <= active or (bounds.heeds_failures and failed)
