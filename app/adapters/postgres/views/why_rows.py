"""Translates rows to the facts that explain what became of a tag. Pure; the SQL is in why.py."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from app.adapters.postgres.database.stored import read_specified
from app.domain.decision import HoldReason
from app.domain.history import Image
from app.domain.rollout import Origin, OutcomeKind
from app.domain.why.facts import Deed, MadeDecision, Push, RunningPeriod, TagDigest, TagFacts, TagRollout, WatchFacts
from app.services.commands.audit import AuditAction

Row = Mapping[str, Any]  # an asyncpg record

COMMANDS = [AuditAction.PIN.value, AuditAction.SWITCH_OFF.value, AuditAction.ROLLBACK.value]


def watch_facts(row: Row, *, periods: Iterable[Row], failed: Iterable[Row], commands: Iterable[Row]) -> WatchFacts:
    """The facts of a watch."""
    deeds = {AuditAction(each["action"]): Deed(by=each["actor"], at=each["recorded_at"]) for each in commands}
    return WatchFacts(
        name=row["name"],
        registry=row["registry"],
        pinned_tag=row["pinned_tag"],
        first_checked_at=row["first_checked_at"],
        commanded_at=row["commanded_at"],
        tags=frozenset(row["tags"]),
        desired=Image(tag=row["desired_tag"], digest=row["desired_digest"]),
        specified=frozenset(Image(tag=each.tag, digest=each.digest) for each in read_specified(row["specified"])),
        decision=_decision(row) if row["kind"] is not None else None,
        periods=tuple(_period(each) for each in periods),
        failed={each["digest"]: each["failed_at"] for each in failed},
        outage=row["outage"],
        job_outage=row["job_outage"],
        has_webhooks=row["has_webhooks"],
        paused=Deed(by=row["paused_by"], at=row["paused_at"]) if row["paused"] else None,
        switched_off=deeds.get(AuditAction.SWITCH_OFF),
        pinned=deeds.get(AuditAction.PIN),
        rolled_back=deeds.get(AuditAction.ROLLBACK),
        drifted_at=row["drifted_at"],
    )


def tag_facts(
    names: Iterable[str],
    tags: Collection[str],
    *,
    pushes: Iterable[Row],
    digests: Iterable[Row],
    listed: Iterable[Row],
    absent: Iterable[Row],
    rollouts: Iterable[Row],
    decisions: Iterable[Row],
) -> tuple[TagFacts, ...]:
    """The facts of each of the tags, in their order; `tags` are those of the last list."""
    pushed, shown = _by_tag(pushes), _by_tag(digests)
    listed_at = {row["tag"]: row["first_found_at"] for row in listed}
    absent_since = {row["tag"]: row["absent_since"] for row in absent}
    rolled_out = {row["tag"]: _rollout(row) for row in rollouts}
    decided = {row["tag"]: _decision(row) for row in decisions}
    return tuple(
        TagFacts(
            tag=name,
            is_listed=name in tags,
            listed_at=listed_at.get(name),
            absent_since=absent_since.get(name),
            first_push=_push(pushed[name][0]) if name in pushed else None,
            last_push=_push(pushed[name][-1]) if name in pushed else None,
            digests=tuple(_digest(row) for row in shown.get(name, ())),
            rollout=rolled_out.get(name),
            decision=decided.get(name),
        )
        for name in names
    )


def _by_tag(found: Iterable[Row]) -> Mapping[str, Sequence[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in found:
        grouped.setdefault(row["tag"], []).append(row)
    return grouped


def _decision(row: Row) -> MadeDecision:
    return MadeDecision(
        reason=HoldReason(row["reason"]) if row["kind"] == "hold" else None,
        message=row["message"],
        tag=row["tag"],
        digest=row["digest"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        rollout_id=row["rollout_id"],
    )


def _period(row: Row) -> RunningPeriod:
    image = Image(tag=row["tag"], digest=row["digest"])
    return RunningPeriod(image=image, began_at=row["began_at"], ended_at=row["ended_at"])


def _push(row: Row) -> Push:
    return Push(
        delivery_id=row["delivery_id"],
        source=row["source"],
        at=row["received_at"],
        digest=row["digest"],
        is_settled=row["settled_at"] is not None,
    )


def _digest(row: Row) -> TagDigest:
    return TagDigest(digest=row["digest"], first_found_at=row["first_found_at"], since=row["since"])


def _rollout(row: Row) -> TagRollout:
    return TagRollout(
        rollout_id=row["rollout_id"],
        digest=row["digest"],
        origin=Origin(row["origin"]),
        by=row["requested_by"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
        reason=row["reason"],
    )
