"""Translates rows to timeline entries. Pure; the SQL is in timeline.py, the messages in app/domain/timeline.py."""

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.decision import HoldReason
from app.domain.event import EventAction
from app.domain.rollout import Origin, OutcomeKind
from app.domain.timeline import EntryKind, FoundBy, drift_message, event_message, finder, rollout_message
from app.services.commands.audit import AuditAction
from app.services.views.board import TimelineEntry

Row = Mapping[str, Any]  # an asyncpg record

_FOUND_BY = {"webhook": FoundBy.WEBHOOK, "poller": FoundBy.POLL}


def webhook(row: Row) -> TimelineEntry:
    """An event that a registry sent."""
    return TimelineEntry(
        at=row["at"],
        kind=EntryKind.WEBHOOK,
        key=row["key"],
        watch=row["watch_name"] or "",
        message=event_message(EventAction(row["action"]), path=row["path"], tag=row["tag"]),
        by=row["source"],
        tag=row["tag"],
        digest=row["digest"] or "",
        delivery_id=row["delivery_id"],
    )


def decision(row: Row) -> TimelineEntry:
    """A decision that differs from the previous one."""
    return TimelineEntry(
        at=row["at"],
        kind=EntryKind.DECISION,
        key=row["key"],
        watch=row["watch_name"],
        message=row["message"],
        tag=row["tag"],
        digest=row["digest"],
        reason=HoldReason(row["reason"]) if row["kind"] == "hold" else None,
        reconciles=row["reconciles"],
        last_at=row["last_at"],
        found_by=finder(
            _FOUND_BY.get(row["found_by"], FoundBy.UNKNOWN),
            is_first=row["is_first"],
            origin=Origin(row["origin"]) if row["origin"] else None,
        ),
        rollout_id=row["rollout_id"],
    )


def rollout(row: Row) -> TimelineEntry:
    """A rollout that was requested."""
    return TimelineEntry(
        at=row["at"],
        kind=EntryKind.ROLLOUT,
        key=row["key"],
        watch=row["watch_name"],
        message=rollout_message(Origin(row["origin"]), tag=row["tag"], digest=row["digest"], cause=row["message"]),
        by=row["requested_by"],
        tag=row["tag"],
        digest=row["digest"],
        rollout_id=row["rollout_id"],
    )


def outcome(row: Row) -> TimelineEntry:
    """How a rollout ended."""
    return TimelineEntry(
        at=row["at"],
        kind=EntryKind.OUTCOME,
        key=row["key"],
        watch=row["watch_name"],
        message=row["reason"],
        tag=row["tag"],
        digest=row["digest"],
        outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
        rollout_id=row["rollout_id"],
    )


def command(row: Row) -> TimelineEntry:
    """A command of a person."""
    return TimelineEntry(
        at=row["at"],
        kind=EntryKind.COMMAND,
        key=row["key"],
        watch=row["watch_name"] or "",
        message=row["detail"],
        by=row["actor"],
        why=row["reason"],
        action=AuditAction(row["action"]),
        rollout_id=row["rollout_id"],
        delivery_id=row["delivery_id"],
    )


def drift(row: Row) -> TimelineEntry:
    """A change of the job's images that was not ours."""
    return TimelineEntry(
        at=row["at"],
        kind=EntryKind.DRIFT,
        key=row["key"],
        watch=row["watch_name"],
        message=drift_message(row["before"], row["after"]),
    )


ENTRIES: Mapping[EntryKind, Callable[[Row], TimelineEntry]] = {
    EntryKind.WEBHOOK: webhook,
    EntryKind.DECISION: decision,
    EntryKind.ROLLOUT: rollout,
    EntryKind.OUTCOME: outcome,
    EntryKind.COMMAND: command,
    EntryKind.DRIFT: drift,
}
