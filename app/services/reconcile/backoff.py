"""When a target is looked at again by itself: after events, after trouble, ever more rarely. Pure; times in seconds."""

from app.errors import Permanent, Transient
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.resolver import pause_after
from app.services.reconcile.targets import Claim, WatchResult

# What comes back after a long absence is noticed soon; what was refused waits for a person to mend it.
_LONGEST = 30.0
_LONGEST_AFTER_REFUSAL = 300.0


def pauses(claim: Claim, results: list[WatchResult], resolved_watches: list[ResolvedWatch]) -> list[float]:
    """What events that were not answered, and registries that did not tell, ask for."""
    unsettled = {each.event_id for result in results for each in result.events if not each.settled}
    events = (event for state in claim.watches for event in state.events if event.event_id in unsettled)
    found = [pause for pause in map(pause_after, events) if pause is not None]
    return found + after_outage(claim, resolved_watches)


def after_outage(claim: Claim, resolved_watches: list[ResolvedWatch]) -> list[float]:
    """When to ask the registries again that did not tell: as they asked, and ever more rarely."""
    return [
        max(each.retry_after or 0.0, _back_off(claim.attempts, _LONGEST)) for each in resolved_watches if each.outage
    ]


def after_error(claim: Claim, error: Transient | Permanent) -> float:
    """When to ask Nomad again that did not answer, or that refused."""
    asked = error.retry_after if isinstance(error, Transient) else None
    longest = _LONGEST if isinstance(error, Transient) else _LONGEST_AFTER_REFUSAL
    return max(asked or 0.0, _back_off(claim.attempts, longest))


def attempts(claim: Claim, resolved_watches: list[ResolvedWatch]) -> int:
    """How many looks in a row met with trouble, this one included."""
    return claim.attempts + 1 if any(each.outage for each in resolved_watches) else 0


def poll_in(resolved_watches: list[ResolvedWatch]) -> float | None:
    """The peace that registries asked for: the poller keeps it too."""
    return max((each.retry_after or 0.0 for each in resolved_watches), default=0.0) or None


def _back_off(attempts: int, longest: float) -> float:
    """0.5 s, doubled each time, up to `longest`."""
    return float(min(longest, 0.5 * 2 ** min(attempts, 10)))
