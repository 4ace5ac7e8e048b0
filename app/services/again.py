"""When a target is looked at again by itself: after events, after trouble, ever more rarely. Pure; times in seconds."""

from app.errors import Permanent, Transient
from app.services.see import pause_after
from app.services.seeing import Seeing
from app.services.target import Claim, WatchResult

# What comes back after a long absence is noticed soon; what was refused waits for a person to mend it.
_LONGEST = 30.0
_LONGEST_AFTER_REFUSAL = 300.0


def pauses(claim: Claim, results: list[WatchResult], seeing: list[Seeing]) -> list[float]:
    """What events that were not answered, and registries that did not tell, ask for."""
    unsettled = {each.event_id for result in results for each in result.events if not each.settled}
    events = (event for state in claim.watches for event in state.events if event.event_id in unsettled)
    found = [pause for pause in map(pause_after, events) if pause is not None]
    return found + after_trouble(claim, seeing)


def after_trouble(claim: Claim, seeing: list[Seeing]) -> list[float]:
    """When to ask the registries again that did not tell: as they asked, and ever more rarely."""
    return [max(each.retry_after or 0.0, _back_off(claim.attempts, _LONGEST)) for each in seeing if each.trouble]


def after_error(claim: Claim, error: Transient | Permanent) -> float:
    """When to ask Nomad again that did not answer, or that refused."""
    asked = error.retry_after if isinstance(error, Transient) else None
    longest = _LONGEST if isinstance(error, Transient) else _LONGEST_AFTER_REFUSAL
    return max(asked or 0.0, _back_off(claim.attempts, longest))


def attempts(claim: Claim, seeing: list[Seeing]) -> int:
    """How many looks in a row met with trouble, this one included."""
    return claim.attempts + 1 if any(each.trouble for each in seeing) else 0


def poll_in(seeing: list[Seeing]) -> float | None:
    """The peace that registries asked for: the poller keeps it too."""
    return max((each.retry_after or 0.0 for each in seeing), default=0.0) or None


def _back_off(attempts: int, longest: float) -> float:
    """0.5 s, doubled each time, up to `longest`."""
    return float(min(longest, 0.5 * 2 ** min(attempts, 10)))
