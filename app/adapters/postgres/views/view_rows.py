"""Translates rows to the views of the API and the pages. Pure; the SQL is in queries.py and board.py."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.adapters.postgres.database.places import place
from app.adapters.postgres.database.stored import (
    read_changes,
    read_deployment,
    read_diagnosis,
    read_running,
    read_specified,
)
from app.domain.decision import HoldReason
from app.domain.hold_expiry import is_newer
from app.domain.reference import Repository
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.rule import Rule, desired_tag, highest_tag
from app.domain.undo import Candidate, RevertedItem, rollback_offer
from app.services.views.queries import (
    DecisionView,
    Outage,
    RolloutItem,
    RolloutSummary,
    RolloutView,
    SystemOutage,
    UnknownSource,
    WatchView,
    part_name,
)

Row = Mapping[str, Any]  # an asyncpg record


def watch_view(row: Row) -> WatchView:
    """A watch with its job, its last decision and its last rollout."""
    desired = _desired(row)
    return WatchView(
        name=row["name"],
        registry=row["registry"],
        repository=str(Repository(host=row["repository_host"], path=row["repository_path"])),
        place=place(row),
        task=row["task"],
        pinned_tag=row["pinned_tag"],
        auto_deploy=row["auto_deploy"],
        observe_only=row["observe_only"],
        desired=desired,
        desired_digest=row["desired_digest"] if desired == row["desired_tag"] else "",
        tags=tuple(row["tags"]),
        tags_read_at=row["tags_read_at"],
        specified=read_specified(row["specified"]),
        running=read_running(row["running"]),
        allocation_count=row["allocation_count"],
        decision=_decision(row),
        rollout=rollout_summary(row) if row["rollout_id"] is not None else None,
        registry_outage=_outage(row["outage"], row["outage_since"]),
        job_outage=_outage(row["job_outage"], row["job_outage_since"]),
        due=row["due"],
        job_read_at=row["job_read_at"],
        follows_job=row["follows_job"],
        promote_after=row["promote_after"],
        revert_on_failure=row["revert_on_failure"],
        rolled_back_at=_rolled_back_at(row),
        source_stale=row["source_stale"],
        missing_image=_outage(row["missing_image"], row["missing_image_since"]),
        failed=tuple(row["failed"]),
    )


def _desired(row: Row) -> str:
    commanded_at, checked_at = row["commanded_at"], row["last_at"]
    is_current = commanded_at is None or (checked_at is not None and checked_at > commanded_at)
    is_open = row["state"] in (RolloutState.REQUESTED.value, RolloutState.SUBMITTED.value)
    return desired_tag(
        Rule(pinned_tag=row["pinned_tag"]),
        row["tags"],
        highest_tag(each.tag for each in read_specified(row["specified"])),
        resolved=row["desired_tag"] if is_current else None,
        requested=row["rollout_tag"] if is_open and Origin(row["origin"]).by_person else None,
    )


def _rolled_back_at(row: Row) -> datetime | None:
    """When a person rolled the watch back; None once something newer appeared."""
    at: datetime | None = row["rolled_back_at"]
    newer = at and is_newer(at, commanded_at=row["commanded_at"], newest_found_at=row["newest_found_at"])
    return None if newer else at


def rollout_summary(row: Row) -> RolloutSummary:
    """One rollout in a line."""
    return RolloutSummary(
        rollout_id=row["rollout_id"],
        state=RolloutState(row["state"]),
        outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
        reason=row["reason"],
        note=row["note"],
        origin=Origin(row["origin"]),
        requested_by=row["requested_by"],
        what=row["what"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        deployment=read_deployment(row["deployment"]),
        undoes=row["undoes"],
        undone_by=row["undone_by"],
    )


def rollout_line(row: Row) -> RolloutSummary:
    """One rollout in a line, with the rollback to offer."""
    items, summary = row["reverted_items"], rollout_summary(row)
    if not all(each["here"] for each in items):
        return summary
    offer = rollback_offer(
        [_reverted_item(each) for each in items],
        origin=summary.origin,
        outcome=summary.outcome,
        is_newest=row["is_newest"],
        undone=summary.undone_by is not None,
    )
    return replace(summary, rollback=offer)


def _reverted_item(each: Mapping[str, Any]) -> RevertedItem:
    return RevertedItem(
        watch=each["watch"],
        deployed=Candidate(tag=each["tag"], digest=each["digest"]),
        before=Candidate(tag=each["from_tag"], digest=each["from_digest"]),
        specified=frozenset(each["specified"]),
        failed=frozenset(each["failed"]),
    )


def rollout_view(row: Row, *, target: Row, items: Iterable[Row]) -> RolloutView:
    """Everything about one rollout."""
    return RolloutView(
        summary=rollout_line(row),
        place=place(target),
        items=tuple(
            RolloutItem(
                watch=each["watch_name"],
                tag=each["tag"],
                digest=each["digest"],
                forced=each["forced"],
                message=each["message"],
                from_images=each["from_images"],
                from_tag=each["from_tag"],
                from_digest=each["from_digest"],
            )
            for each in items
        ),
        changes={str(each.key): each.change.image for each in read_changes(row["changes"])},
        submitted_at=row["submitted_at"],
        evaluation_id=row["evaluation_id"],
        warnings=row["warnings"],
        diagnosis=read_diagnosis(row["diagnosis"]),
    )


def outages(row: Row) -> SystemOutage:
    """The outage of a registry or, without one, of Nomad, of some of its jobs, or of this program."""
    name = part_name(registry=row["registry"], of_all=row["of_all"], is_ours=row["is_ours"])
    return SystemOutage(name=name, problem=row["problem"], since=row["since"])


def unknown_source(row: Row) -> UnknownSource:
    """A source that nobody configured."""
    return UnknownSource(source=row["source"], deliveries=row["deliveries"], last_at=row["last_at"])


def _decision(row: Row) -> DecisionView | None:
    if row["kind"] is None:
        return None
    return DecisionView(
        reason=HoldReason(row["hold_reason"]) if row["kind"] == "hold" else None,
        message=row["message"],
        tag=row["decided_tag"],
        digest=row["decided_digest"],
        reconciles=row["reconciles"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        rollout_id=row["decided_rollout"],
    )


def _outage(problem: str, since: Any) -> Outage | None:
    return Outage(problem=problem, since=since) if problem else None
