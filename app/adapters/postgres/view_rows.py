"""Rows to the values that people read. Pure; the statements are in queries.py."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.adapters.postgres.database.places import place
from app.adapters.postgres.stored import read_changes, read_deployment, read_diagnosis, read_running
from app.domain.decision import HoldReason
from app.domain.reference import Repository
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.rule import Rule, desired_tag, highest_tag
from app.services.queries import (
    Away,
    DecisionView,
    RolloutItem,
    RolloutSummary,
    RolloutView,
    Trouble,
    UnknownSource,
    WatchView,
    part_name,
)

Row = Mapping[str, Any]  # an asyncpg record


def watch_view(row: Row) -> WatchView:
    """A watch with its job, its last decision and its last rollout."""
    wanted = _wanted(row)
    return WatchView(
        name=row["name"],
        registry=row["registry"],
        repository=str(Repository(host=row["repository_host"], path=row["repository_path"])),
        place=place(row),
        task=row["task"],
        pinned_tag=row["pinned_tag"],
        auto_deploy=row["auto_deploy"],
        observe_only=row["observe_only"],
        wanted=wanted,
        wanted_digest=row["wanted_digest"] if wanted == row["wanted_tag"] else "",
        tags=tuple(row["tags"]),
        tags_read_at=row["tags_read_at"],
        running=read_running(row["running"]),
        decision=_decision(row),
        rollout=rollout_summary(row) if row["rollout_id"] is not None else None,
        registry_trouble=_trouble(row["trouble"], row["trouble_since"]),
        job_trouble=_trouble(row["job_trouble"], row["job_trouble_since"]),
        due=row["due"],
        promote_after=row["promote_after"],
        revert_on_failure=row["revert_on_failure"],
        rolled_back_at=row["rolled_back_at"],
        source_stale=row["source_stale"],
        unserved=_trouble(row["unserved"], row["unserved_since"]),
        failed=tuple(row["failed"]),
    )


def _wanted(row: Row) -> str:
    word_at, looked_at = row["word_at"], row["last_at"]
    is_current = word_at is None or (looked_at is not None and looked_at > word_at)
    is_open = row["state"] in (RolloutState.REQUESTED.value, RolloutState.SUBMITTED.value)
    return desired_tag(
        Rule(pinned_tag=row["pinned_tag"]),
        row["tags"],
        highest_tag(each["tag"] for each in row["running"]),
        resolved=row["wanted_tag"] if is_current else None,
        requested=row["rollout_tag"] if is_open and Origin(row["origin"]).by_person else None,
    )


def rollout_summary(row: Row) -> RolloutSummary:
    """One rollout in a line."""
    return RolloutSummary(
        rollout_id=row["rollout_id"],
        state=RolloutState(row["state"]),
        outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
        reason=row["reason"],
        note=row["note"],
        origin=Origin(row["origin"]),
        asked_by=row["asked_by"],
        what=row["what"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        deployment=read_deployment(row["deployment"]),
        undoes=row["undoes"],
        undone_by=row["undone_by"],
    )


def rollout_view(row: Row, *, target: Row, items: Iterable[Row]) -> RolloutView:
    """All that is known of one rollout."""
    return RolloutView(
        summary=rollout_summary(row),
        place=place(target),
        items=tuple(
            RolloutItem(
                watch=each["watch_name"],
                tag=each["tag"],
                digest=each["digest"],
                forced=each["forced"],
                words=each["words"],
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


def away(row: Row) -> Away:
    """A registry that does not answer or, without one, Nomad."""
    return Away(name=part_name(registry=row["registry"]), problem=row["problem"], since=row["since"])


def unknown_source(row: Row) -> UnknownSource:
    """A source that nobody configured."""
    return UnknownSource(source=row["source"], deliveries=row["deliveries"], last_at=row["last_at"])


def _decision(row: Row) -> DecisionView | None:
    if row["kind"] is None:
        return None
    return DecisionView(
        reason=HoldReason(row["hold_reason"]) if row["kind"] == "hold" else None,
        words=row["words"],
        tag=row["decided_tag"],
        digest=row["decided_digest"],
        looks=row["looks"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        rollout_id=row["decided_rollout"],
    )


def _trouble(problem: str, since: Any) -> Trouble | None:
    return Trouble(problem=problem, since=since) if problem else None
