"""When a target is reconciled again by itself: after events, and after outages ever more rarely. Pure; in seconds."""

from app.domain.decision import Hold, HoldReason
from app.errors import JobChanged, NomadUnavailable, Permanent, Transient
from app.services.reconcile.claim import Claim
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.resolver import pause_after
from app.services.reconcile.result import WatchResult

# The end of a long outage is noticed soon. A refusal waits for a person's fix.
_LONGEST = 30.0
_LONGEST_AFTER_REFUSAL = 300.0
_AFTER_CONFLICT = 0.05
# A stalled watch is up to date once its allocations run, also where the job is not followed.
_STALLED = 15.0
_UNTIL_NOTICED = 5  # attempts, which take fifteen seconds: a follower notices an outage within ten


def pauses(claim: Claim, results: list[WatchResult], resolved_watches: list[ResolvedWatch]) -> list[float]:
    """The pauses that unanswered events, stalled watches and registry outages ask for."""
    unsettled = {each.event_id for result in results for each in result.events if not each.settled}
    events = (event for state in claim.watches for event in state.events if event.event_id in unsettled)
    found = [pause for pause in map(pause_after, events) if pause is not None]
    stalled = any(isinstance(each.decision, Hold) and each.decision.reason is HoldReason.STALLED for each in results)
    return found + [_STALLED] * stalled + after_outage(claim, resolved_watches)


def after_outage(claim: Claim, resolved_watches: list[ResolvedWatch]) -> list[float]:
    """The pauses before a registry with an outage is asked again: its Retry-After or longer, growing each time."""
    return [
        max(each.retry_after or 0.0, _back_off(claim.attempts, _LONGEST)) for each in resolved_watches if each.outage
    ]


def after_error(claim: Claim, error: Transient | Permanent) -> float:
    """The pause before Nomad is asked again after it refused or did not answer."""
    asked = error.retry_after if isinstance(error, Transient) else None
    longest = _LONGEST if isinstance(error, Transient) else _LONGEST_AFTER_REFUSAL
    return max(asked or 0.0, _back_off(claim.attempts, longest))


def after_conflict(claim: Claim) -> float:
    """The pause before the job is read again, which somebody else changed: almost none, if it happens once."""
    return _back_off(claim.attempts, _LONGEST, first=_AFTER_CONFLICT)


def is_shown(claim: Claim, error: Transient | Permanent) -> bool:
    """Whether the error is an outage of the target. A conflict is one only if it is found again and again."""
    return not isinstance(error, JobChanged) or claim.attempts >= _UNTIL_NOTICED


def after_lost(attempts: int) -> float:
    """The pause before a registration is made again that Nomad does not have; `attempts` were made in vain before."""
    return _back_off(attempts, _LONGEST)


def is_shown_for_all(claim: Claim, error: Transient | Permanent) -> bool:
    """Whether the outage is that of the whole Nomad, which is shown once; its follower may need a moment to notice."""
    if not isinstance(error, NomadUnavailable):
        return False
    return claim.nomad_outage or (claim.follows_job and claim.attempts < _UNTIL_NOTICED)


def attempts(claim: Claim, resolved_watches: list[ResolvedWatch]) -> int:
    """How many reconciles in a row had an outage, including this one."""
    return claim.attempts + 1 if any(each.outage for each in resolved_watches) else 0


def poll_in(resolved_watches: list[ResolvedWatch]) -> float | None:
    """The longest Retry-After, in seconds; the poller honours it as well. None without one."""
    return max((each.retry_after or 0.0 for each in resolved_watches), default=0.0) or None


def _back_off(attempts: int, longest: float, *, first: float = 0.5) -> float:
    """`first`, doubled each time, up to `longest`."""
    return float(min(longest, first * 2 ** min(attempts, 10)))
