"""How many rollouts may be under way at once, and whose turn it is. Pure; people's orders and undos never wait."""

from dataclasses import dataclass

from app.domain.watch import JobPlace
from app.services.reconcile.targets import Claim, Result, SlotBounds

# Whoever ends a rollout wakes the target that waits longest: these looks, in seconds, are for what nobody told of.
_PAUSE = 30.0
_OWN_PAUSE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What the configuration says of all rollouts together. `max_rollouts` 0 is no limit.

    `own_job` is the job that runs this program, in any region; other jobs that are due go before it for `own_patience`
    seconds, and those with a rollout under way always.
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
        """What holds, at the moment of its launch, for a rollout of the rule."""
        return SlotBounds(
            at_most=1 if self.is_own(place) else self.max_rollouts, heeds_failures=self.stop_after_failure
        )

    def turn(self, claim: Claim) -> str:
        """Why other rollouts go first, "" when none do."""
        active = claim.others_active
        if not self.is_own(claim.place):
            full = 0 < self.max_rollouts <= active
            return f"{active} of at most {self.max_rollouts} rollouts are under way" if full else ""
        if active:
            return f"registrywatcher's own job goes last: {active} others are under way"
        if claim.others_due and not self._has_waited_enough(claim):
            return "registrywatcher's own job goes last: other jobs are to be looked at"
        return ""

    def pause(self, place: JobPlace) -> float:
        """When a target that waits looks again, in seconds, if nobody wakes it."""
        return _OWN_PAUSE if self.is_own(place) else _PAUSE

    def _has_waited_enough(self, claim: Claim) -> bool:
        since = claim.queued_since
        return since is not None and (claim.now - since).total_seconds() > self.own_patience


def is_bound(result: Result) -> bool:
    """Whether what other targets did since the look began may forbid its launch, or end its wait."""
    bounds = result.bounds
    waits = bool(result.queued) and not result.queued_last
    return bounds is not None and (waits or result.launch is not None) and (bounds.at_most > 0 or bounds.heeds_failures)


def no_longer_holds(bounds: SlotBounds, *, launches: bool, active: int, failed: bool) -> bool:
    """Whether the look is void: it launches where it may not any more, or waits where a slot is free.

    `active` counts the rollouts of other targets that are under way; `failed` is whether the image that it launches has
    failed on another job since.
    """
    if not launches:
        return active < bounds.at_most
    return 0 < bounds.at_most <= active or (bounds.heeds_failures and failed)
