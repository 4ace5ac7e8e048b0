"""Rows of what happened to entries of a timeline, in words. Pure; the statements are in happenings.py."""

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.decision import HoldReason
from app.domain.event import Action
from app.domain.rollout import Origin, OutcomeKind
from app.services.board import Entry, EntryKind
from app.services.said import Saying

Row = Mapping[str, Any]  # an asyncpg record

_ACTIONS = {Action.PUSH: "pushed", Action.DELETE: "deleted"}

_BRINGS = {
    Origin.RULE: "the rule brings {what}",
    Origin.DEPLOY: "deploys {what}",
    Origin.RESET: "resets to {what}",
    Origin.ROLLBACK: "goes back to {what}",
    Origin.UNDO: "goes back to {what}, since what followed it failed",
}

_FOUND_BY = {"webhook": "webhook", "poller": "poll"}


def webhook(row: Row) -> Entry:
    """An event that a registry told."""
    return Entry(
        at=row["at"],
        kind=EntryKind.WEBHOOK,
        key=row["key"],
        watch=row["watch_name"] or "",
        words=f"{_ACTIONS[Action(row['action'])]} {row['path']}:{row['tag']}",
        by=row["source"],
        tag=row["tag"],
        digest=row["digest"] or "",
        delivery_id=row["delivery_id"],
    )


def decision(row: Row) -> Entry:
    """A decision that differed from the one before."""
    return Entry(
        at=row["at"],
        kind=EntryKind.DECISION,
        key=row["key"],
        watch=row["watch_name"],
        words=row["words"],
        tag=row["tag"],
        digest=row["digest"],
        reason=HoldReason(row["reason"]) if row["kind"] == "hold" else None,
        looks=row["looks"],
        last_at=row["last_at"],
        found_by=_FOUND_BY.get(row["found_by"], ""),
        rollout_id=row["rollout_id"],
    )


def rollout(row: Row) -> Entry:
    """A rollout that was asked for."""
    origin = Origin(row["origin"])
    words = _BRINGS[origin].format(what=row["tag"] or row["digest"])
    if origin is Origin.RULE and row["words"]:
        words = f"{words}: {row['words']}"
    return Entry(
        at=row["at"],
        kind=EntryKind.ROLLOUT,
        key=row["key"],
        watch=row["watch_name"],
        words=words,
        by=row["asked_by"],
        tag=row["tag"],
        digest=row["digest"],
        rollout_id=row["rollout_id"],
    )


def outcome(row: Row) -> Entry:
    """How a rollout ended."""
    return Entry(
        at=row["at"],
        kind=EntryKind.OUTCOME,
        key=row["key"],
        watch=row["watch_name"],
        words=row["reason"],
        tag=row["tag"],
        digest=row["digest"],
        outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
        rollout_id=row["rollout_id"],
    )


def word(row: Row) -> Entry:
    """What a person said."""
    return Entry(
        at=row["at"],
        kind=EntryKind.WORD,
        key=row["key"],
        watch=row["watch_name"] or "",
        words=row["detail"],
        by=row["spoken_by"],
        saying=Saying(row["saying"]),
        rollout_id=row["rollout_id"],
        delivery_id=row["delivery_id"],
    )


ENTRIES: Mapping[EntryKind, Callable[[Row], Entry]] = {
    EntryKind.WEBHOOK: webhook,
    EntryKind.DECISION: decision,
    EntryKind.ROLLOUT: rollout,
    EntryKind.OUTCOME: outcome,
    EntryKind.WORD: word,
}
