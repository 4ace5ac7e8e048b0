"""Labels for people: each domain value that pages show has its line here."""

from collections.abc import Mapping

from app.domain.acceptance import Acceptance
from app.domain.condition import OF_DECISION, Condition
from app.domain.decision import HoldReason
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.timeline import EntryKind, FoundBy
from app.domain.why.outcome import TagOutcome
from app.services.commands.audit import AuditAction
from app.services.views.queries import RolloutSummary

HOLDS: Mapping[HoldReason, str] = {
    HoldReason.UNUSABLE: "Cannot be deployed",
    HoldReason.NO_MATCHING_TAG: "No matching tag",
    HoldReason.BUSY: "Waiting: a rollout is in progress",
    HoldReason.FAILED_BEFORE: "Held: failed before",
    HoldReason.UP_TO_DATE: "Up to date",
    HoldReason.STALLED: "Stalled",
    HoldReason.AUTO_DEPLOY_OFF: "Held: auto deploy is off",
    HoldReason.PAUSED: "Held: paused",
    HoldReason.OBSERVE_ONLY: "Observe only",
    HoldReason.ROLLED_BACK: "Held: rolled back",
    HoldReason.FAILED_ELSEWHERE: "Held: failed elsewhere",
    HoldReason.QUEUED: "Queued: waiting for a slot",
    HoldReason.DRIFTED: "Held: drift",
    HoldReason.DOWNGRADE: "Held: downgrade",
    HoldReason.NOT_A_RELEASE: "Held: no release is running",
}

TAG_OUTCOMES: Mapping[TagOutcome, str] = {
    TagOutcome.UNKNOWN: "Unknown",
    TagOutcome.DEPLOYING: "Deploying",
    TagOutcome.RUNNING: "Runs",
    TagOutcome.SPECIFIED: "Specified",
    TagOutcome.FAILED: "Failed",
    TagOutcome.HELD: "Held",
    TagOutcome.RAN: "Ran",
    TagOutcome.NEVER_FOUND: "Never found",
    TagOutcome.DELETED: "Deleted",
    TagOutcome.OTHER_PINNED: "Another tag is pinned",
    TagOutcome.NO_RELEASE: "No release",
    TagOutcome.NO_MANIFEST: "No manifest",
    TagOutcome.PASSED_OVER: "Passed over",
    TagOutcome.LOWER: "Lower",
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
    RolloutState.SUBMITTED: "In progress",
    RolloutState.ENDED: "Ended",
}

ORIGINS: Mapping[Origin, str] = {
    Origin.RULE: "by its rule",
    Origin.DEPLOY: "by a person",
    Origin.RESET: "by a reset",
    Origin.ROLLBACK: "by a rollback",
    Origin.UNDO: "to undo a failed rollout",
}

ENTRIES: Mapping[EntryKind, str] = {
    EntryKind.WEBHOOK: "Webhook",
    EntryKind.DECISION: "Decision",
    EntryKind.ROLLOUT: "Rollout",
    EntryKind.OUTCOME: "Outcome",
    EntryKind.COMMAND: "Command",
    EntryKind.DRIFT: "Changed outside",
}

FOUND_BY: Mapping[FoundBy, str] = {
    FoundBy.WEBHOOK: "found by a webhook",
    FoundBy.POLL: "found by polling",
    FoundBy.UNKNOWN: "",
}

AUDIT_ACTIONS: Mapping[AuditAction, str] = {
    AuditAction.PIN: "Pinned",
    AuditAction.FOLLOW: "Follows releases",
    AuditAction.REDEPLOY: "Deployed",
    AuditAction.RESET: "Reset",
    AuditAction.SWITCH_ON: "Auto deploy on",
    AuditAction.SWITCH_OFF: "Auto deploy off",
    AuditAction.ROLLBACK: "Rolled back",
    AuditAction.PROMOTE: "Promoted",
    AuditAction.FAIL: "Deployment failed",
    AuditAction.RELEASE: "Hold released",
    AuditAction.PAUSE: "Paused",
    AuditAction.RESUME: "Resumed",
    AuditAction.CHECK: "Checked",
    AuditAction.REPLAY: "Replayed",
}

ACCEPTANCES: Mapping[Acceptance, str] = {
    Acceptance.ACCEPTED: "Accepted",
    Acceptance.DUPLICATE: "Duplicate",
    Acceptance.IGNORED: "Ignored",
    Acceptance.QUARANTINED: "Quarantined",
}

CONDITIONS: Mapping[Condition, str] = {
    Condition.OUTAGE: "Outage",
    Condition.PROMOTION: "Waiting for promotion",
    Condition.FAILED: "Failed",
    Condition.STALLED: "Stalled",
    Condition.HELD: "Held",
    Condition.MOVING: "Deploying",
    Condition.UNCHECKED: "Not checked yet",
    Condition.IDLE: "Nothing to do",
    Condition.CURRENT: "Up to date",
}

_GOOD, _MOVING, _QUIET, _WAITING, _BAD = "good", "moving", "quiet", "waiting", "bad"

TONES: Mapping[Condition, str] = {
    Condition.OUTAGE: _BAD,
    Condition.PROMOTION: _WAITING,
    Condition.FAILED: _BAD,
    Condition.STALLED: _BAD,
    Condition.HELD: _WAITING,
    Condition.MOVING: _MOVING,
    Condition.UNCHECKED: _QUIET,
    Condition.IDLE: _QUIET,
    Condition.CURRENT: _GOOD,
}

HOLD_TONES: Mapping[HoldReason, str] = {
    HoldReason(each): TONES[found] for each, found in OF_DECISION.items() if each in set(HoldReason)
}

TAG_TONES: Mapping[TagOutcome, str] = {
    TagOutcome.UNKNOWN: _QUIET,
    TagOutcome.DEPLOYING: _MOVING,
    TagOutcome.RUNNING: _GOOD,
    TagOutcome.SPECIFIED: _QUIET,
    TagOutcome.FAILED: _BAD,
    TagOutcome.HELD: _WAITING,
    TagOutcome.RAN: _QUIET,
    TagOutcome.NEVER_FOUND: _QUIET,
    TagOutcome.DELETED: _QUIET,
    TagOutcome.OTHER_PINNED: _QUIET,
    TagOutcome.NO_RELEASE: _QUIET,
    TagOutcome.NO_MANIFEST: _WAITING,
    TagOutcome.PASSED_OVER: _QUIET,
    TagOutcome.LOWER: _QUIET,
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


def progress(rollout: RolloutSummary) -> str:
    """A rollout's outcome, or its state while it has none."""
    return OUTCOMES[rollout.outcome] if rollout.outcome else STATES[rollout.state]


def progress_tone(rollout: RolloutSummary) -> str:
    """The rollout's tone: the name of a colour in the style sheet."""
    return OUTCOME_TONES[rollout.outcome] if rollout.outcome else _MOVING
