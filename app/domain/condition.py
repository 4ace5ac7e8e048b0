"""The condition of a watch, in one word for lists. It follows from the watch's signs and its last decision. Pure.

The list of watches is sorted by condition. A store that sorts builds its statements from these tables, by RANKS.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from app.domain.decision import HoldReason


class Condition(StrEnum):
    """The condition of a watch. Conditions that need a person come first; a watch has the first one that fits.

    `outage`: its registry or job cannot be read, or the registry lost the running image. `promotion`: canaries wait for
    a person. `failed`: the desired digest is held because it failed. `stalled`: the job specifies the desired image and
    allocations that should run it do not. `held`: an update waits for a person. `moving`: a rollout is under way or
    queued. `unchecked`: it was never reconciled, so nothing is known of it. `idle`: nothing to do, and not up to date
    (observed, paused, no tag). `current`: up to date.
    """

    OUTAGE = "outage"
    PROMOTION = "promotion"
    FAILED = "failed"
    STALLED = "stalled"
    HELD = "held"
    MOVING = "moving"
    UNCHECKED = "unchecked"
    IDLE = "idle"
    CURRENT = "current"


class Sign(StrEnum):
    """A fact about a watch that counts before its last decision.

    `outage`: its registry or its job cannot be read. `missing_image`: the registry no longer has the running image.
    `awaits_promotion` and `underway`: the state of its newest rollout.
    """

    OUTAGE = "outage"
    MISSING_IMAGE = "missing_image"
    AWAITS_PROMOTION = "awaits_promotion"
    UNDERWAY = "underway"


RANKS: Mapping[Condition, int] = {each: rank for rank, each in enumerate(Condition)}
"""The position of a condition in the list; 0 comes first."""

OF_SIGN: Mapping[Sign, Condition] = {
    Sign.OUTAGE: Condition.OUTAGE,
    Sign.MISSING_IMAGE: Condition.OUTAGE,
    Sign.AWAITS_PROMOTION: Condition.PROMOTION,
    Sign.UNDERWAY: Condition.MOVING,
}
"""The condition for each sign. If a watch has several signs, the condition with the lowest rank counts."""

UNDECIDED = ""
DEPLOY = "deploy"

OF_DECISION: Mapping[str, Condition] = {
    UNDECIDED: Condition.UNCHECKED,
    DEPLOY: Condition.MOVING,
    HoldReason.UNUSABLE: Condition.HELD,
    HoldReason.NO_MATCHING_TAG: Condition.IDLE,
    HoldReason.BUSY: Condition.MOVING,
    HoldReason.FAILED_BEFORE: Condition.FAILED,
    HoldReason.UP_TO_DATE: Condition.CURRENT,
    HoldReason.STALLED: Condition.STALLED,
    HoldReason.AUTO_DEPLOY_OFF: Condition.HELD,
    HoldReason.PAUSED: Condition.IDLE,
    HoldReason.OBSERVE_ONLY: Condition.IDLE,
    HoldReason.DRIFTED: Condition.HELD,
    HoldReason.ROLLED_BACK: Condition.HELD,
    HoldReason.DOWNGRADE: Condition.HELD,
    HoldReason.NOT_A_RELEASE: Condition.HELD,
    HoldReason.FAILED_ELSEWHERE: Condition.FAILED,
    HoldReason.QUEUED: Condition.MOVING,
}
"""The condition of a watch without signs, by its last decision: UNDECIDED, DEPLOY, or the reason of a hold."""


def condition_of(signs: Collection[Sign], decision: str) -> Condition:
    """The condition of a watch with these signs; `decision` is a key of OF_DECISION."""
    found = (OF_SIGN[each] for each in signs)
    return min(found, key=RANKS.__getitem__, default=OF_DECISION[decision])
