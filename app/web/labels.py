"""The wording of reasons and outcomes for people. Each value of the domain has its line here."""

from collections.abc import Mapping

from app.domain.acceptance import Acceptance
from app.domain.condition import OF_DECISION, Condition
from app.domain.decision import HoldReason
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.timeline import EntryKind, FoundBy
from app.services.queries import RolloutSummary
from app.services.said import Saying

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

ENTRIES: Mapping[EntryKind, str] = {
    EntryKind.WEBHOOK: "Webhook",
    EntryKind.DECISION: "Decision",
    EntryKind.ROLLOUT: "Rollout",
    EntryKind.OUTCOME: "Outcome",
    EntryKind.WORD: "A person",
}

FOUND_BY: Mapping[FoundBy, str] = {
    FoundBy.WEBHOOK: "found by a webhook",
    FoundBy.POLL: "found by polling",
    FoundBy.UNKNOWN: "",
}

SAYINGS: Mapping[Saying, str] = {
    Saying.PIN: "Pinned",
    Saying.FOLLOW: "Follows releases",
    Saying.REDEPLOY: "Deployed by hand",
    Saying.RESET: "Reset",
    Saying.SWITCH_ON: "Auto deploy on",
    Saying.SWITCH_OFF: "Auto deploy off",
    Saying.ROLLBACK: "Rolled back",
    Saying.PROMOTE: "Promoted",
    Saying.FAIL: "Failed by hand",
    Saying.RELEASE: "Released",
    Saying.PAUSE: "Paused",
    Saying.RESUME: "Resumed",
    Saying.CHECK: "Checked",
    Saying.REPLAY: "Replayed",
}

ACCEPTANCES: Mapping[Acceptance, str] = {
    Acceptance.ACCEPTED: "Accepted",
    Acceptance.DUPLICATE: "Known before",
    Acceptance.IGNORED: "Ignored",
    Acceptance.QUARANTINED: "Quarantined",
}

CONDITIONS: Mapping[Condition, str] = {
    Condition.TROUBLE: "In trouble",
    Condition.PROMOTION: "Waiting for promotion",
    Condition.FAILED: "Failed",
    Condition.HELD: "Held",
    Condition.MOVING: "Deploying",
    Condition.IDLE: "Nothing to do",
    Condition.CURRENT: "Up to date",
}

_GOOD, _MOVING, _QUIET, _WAITING, _BAD = "good", "moving", "quiet", "waiting", "bad"

TONES: Mapping[Condition, str] = {
    Condition.TROUBLE: _BAD,
    Condition.PROMOTION: _WAITING,
    Condition.FAILED: _BAD,
    Condition.HELD: _WAITING,
    Condition.MOVING: _MOVING,
    Condition.IDLE: _QUIET,
    Condition.CURRENT: _GOOD,
}

HOLD_TONES: Mapping[HoldReason, str] = {
    HoldReason(each): TONES[found] for each, found in OF_DECISION.items() if each in set(HoldReason)
}

OUTCOME_TONES: Mapping[OutcomeKind, str] = {
    OutcomeKind.SUCCEEDED: _GOOD,
    OutcomeKind.NEXT_LAUNCH: _GOOD,
    OutcomeKind.SUPERSEDED: _QUIET,
    OutcomeKind.FAILED: _BAD,
    OutcomeKind.STALLED: _BAD,
    OutcomeKind.REFUSED: _BAD,
    OutcomeKind.STOPPED: _WAITING,
}

ACCEPTANCE_TONES: Mapping[Acceptance, str] = {
    Acceptance.ACCEPTED: _GOOD,
    Acceptance.DUPLICATE: _QUIET,
    Acceptance.IGNORED: _QUIET,
    Acceptance.QUARANTINED: _WAITING,
}

DONE = frozenset({OutcomeKind.SUCCEEDED, OutcomeKind.NEXT_LAUNCH})
"""Outcomes that a rollback can go back to."""


def progress(rollout: RolloutSummary) -> str:
    """A rollout's outcome, or its state while it has none."""
    return OUTCOMES[rollout.outcome] if rollout.outcome else STATES[rollout.state]


def progress_tone(rollout: RolloutSummary) -> str:
    """How a rollout feels: the name of a colour in the style sheet."""
    return OUTCOME_TONES[rollout.outcome] if rollout.outcome else _MOVING
