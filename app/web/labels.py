"""The wording of reasons and outcomes for people. Each value of the domain has its line here."""

from collections.abc import Mapping

from app.domain.decision import HoldReason
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.services.queries import RolloutSummary, WatchView

HOLDS: Mapping[HoldReason, str] = {
    HoldReason.UNUSABLE: "Cannot be deployed",
    HoldReason.NO_MATCHING_TAG: "No matching tag",
    HoldReason.BUSY: "Waiting for a rollout",
    HoldReason.FAILED_BEFORE: "Failed before",
    HoldReason.UP_TO_DATE: "Up to date",
    HoldReason.AUTO_DEPLOY_OFF: "Held: auto deploy is off",
    HoldReason.PAUSED: "Held: paused",
    HoldReason.OBSERVE_ONLY: "Observing only",
    HoldReason.ROLLED_BACK: "Held: rolled back",
    HoldReason.FAILED_ELSEWHERE: "Held: failed elsewhere",
    HoldReason.WAITS_TURN: "Waiting its turn",
    HoldReason.CHANGED_OUTSIDE: "Held: changed outside",
    HoldReason.DOWNGRADE: "Held: would be a downgrade",
    HoldReason.NOT_A_RELEASE: "Held: what runs is no release",
}

OUTCOMES: Mapping[OutcomeKind, str] = {
    OutcomeKind.SUCCEEDED: "Succeeded",
    OutcomeKind.FAILED: "Failed",
    OutcomeKind.SUPERSEDED: "Superseded",
    OutcomeKind.STOPPED: "Stopped",
    OutcomeKind.STALLED: "Stalled",
    OutcomeKind.NEXT_LAUNCH: "Effective at the next launch",
    OutcomeKind.REFUSED: "Refused",
}

STATES: Mapping[RolloutState, str] = {
    RolloutState.REQUESTED: "Requested",
    RolloutState.SUBMITTED: "Under way",
    RolloutState.ENDED: "Ended",
}

ORIGINS: Mapping[Origin, str] = {
    Origin.RULE: "by its rule",
    Origin.DEPLOY: "by a person",
    Origin.RESET: "by a reset",
    Origin.ROLLBACK: "by a rollback",
    Origin.UNDO: "to undo what failed",
}

_GOOD, _MOVING, _QUIET, _WAITING, _BAD = "good", "moving", "quiet", "waiting", "bad"

_HOLD_TONES: Mapping[HoldReason, str] = {
    HoldReason.UNUSABLE: _BAD,
    HoldReason.FAILED_BEFORE: _BAD,
    HoldReason.UP_TO_DATE: _GOOD,
    HoldReason.BUSY: _MOVING,
    HoldReason.OBSERVE_ONLY: _QUIET,
    HoldReason.NO_MATCHING_TAG: _QUIET,
}

_OUTCOME_TONES: Mapping[OutcomeKind, str] = {
    OutcomeKind.SUCCEEDED: _GOOD,
    OutcomeKind.NEXT_LAUNCH: _GOOD,
    OutcomeKind.SUPERSEDED: _QUIET,
    OutcomeKind.FAILED: _BAD,
    OutcomeKind.STALLED: _BAD,
    OutcomeKind.REFUSED: _BAD,
    OutcomeKind.STOPPED: _WAITING,
}


def tone(watch: WatchView) -> str:
    """How a watch's last decision feels: the name of a colour in the style sheet."""
    if watch.decision is None:
        return _QUIET
    if watch.decision.reason is None:
        return _MOVING
    return _HOLD_TONES.get(watch.decision.reason, _WAITING)


def progress(rollout: RolloutSummary) -> str:
    """A rollout's outcome, or its state while it has none."""
    return OUTCOMES[rollout.outcome] if rollout.outcome else STATES[rollout.state]


def progress_tone(rollout: RolloutSummary) -> str:
    """How a rollout feels: the name of a colour in the style sheet."""
    return _OUTCOME_TONES[rollout.outcome] if rollout.outcome else _MOVING
