"""The answer to a push event for one watch: what became of the tag, and whether that is known yet. Pure."""

from dataclasses import dataclass

from app.domain.decision import Decision, Hold, HoldReason
from app.domain.history import Image
from app.domain.rollout import OutcomeKind
from app.domain.rule import release
from app.domain.unreleased import classify


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a reconcile found for the watch. `current_tag` is the highest release that its tasks name, "" without one;
    `with_v` is the spelling of releases that counts."""

    decision: Decision
    desired: Image
    pinned_tag: str = ""
    current_tag: str = ""
    with_v: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedTag:
    """The tag of a push event, with the newest rollout of it since: its outcome, None while it is under way, and why it
    ended. `was_rolled_out` is whether there is one."""

    tag: str
    was_rolled_out: bool = False
    outcome: OutcomeKind | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagAnswer:
    """The answer to an event. An answer that is not `is_final` is made again at each new decision."""

    message: str
    is_final: bool


_RUNS = frozenset({OutcomeKind.SUCCEEDED, OutcomeKind.NEXT_LAUNCH})
_ENDS = frozenset({HoldReason.UP_TO_DATE, HoldReason.FAILED_BEFORE})


def answer_push(pushed: PushedTag, found: Outlook) -> TagAnswer:
    """What became of the pushed tag, by its rollout, or else by the decision."""
    tag, decision = pushed.tag, found.decision
    if pushed.was_rolled_out and pushed.outcome is None:
        return TagAnswer(message=f"a rollout of {tag} is under way", is_final=False)
    if pushed.outcome in _RUNS:
        return TagAnswer(message=f"deployed: {pushed.reason}" if pushed.reason else "deployed", is_final=True)
    if pushed.outcome is OutcomeKind.FAILED:
        return TagAnswer(message=f"failed: {pushed.reason}", is_final=True)
    if tag == found.desired.tag:
        is_final = isinstance(decision, Hold) and decision.reason in _ENDS
        return TagAnswer(message=decision.message, is_final=is_final)
    return TagAnswer(message=_not_desired(tag, found), is_final=True)


def _not_desired(tag: str, found: Outlook) -> str:
    if found.pinned_tag:
        return f"the rule stays on {found.pinned_tag}"
    unreleased = classify(tag, found.with_v)
    if unreleased is not None:
        return f"{tag} is no release: {unreleased.cause}"
    mine, desired, current = release(tag), release(found.desired.tag), release(found.current_tag)
    if mine is None or desired is None or desired.version <= mine.version:
        return found.decision.message
    if current is not None and current.version >= mine.version:
        return f"{found.desired.tag} is higher"
    return f"passed over: {found.desired.tag} is newer"
