"""How far Nomad's scheduler is with our registration: from the job's evaluations. Pure.

An evaluation may hand over: a failed one to its follow-up, one that could not place everything to a blocked one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.adapters.nomad.explain import bounded, unplaced
from app.domain.job import Submission

_UNFINISHED = ("pending", "blocked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """Whether the scheduler is done with us, and why it could not place everything ("" when it could)."""

    done: bool
    unplaced: str


def scheduling(evaluations: Sequence[Mapping[str, Any]], submission: Submission) -> Scheduling | None:
    """Follow our evaluation through the job's evaluations to where it stands now; None when it is not among them."""
    by_id = {each["ID"]: each for each in evaluations}
    current = by_id.get(submission.evaluation_id) or _first_of(evaluations, submission.index)
    if current is None:
        return None
    passed = set()
    while (following := _following(current, by_id)) is not None and following["ID"] not in passed:
        passed.add(current["ID"])
        if following.get("Status") == "blocked":
            return Scheduling(done=current.get("Status") == "complete", unplaced=_why(following, current))
        current = following
    done = current.get("Status") not in _UNFINISHED
    return Scheduling(done=done, unplaced=_why(current) or _why(*_blocked_later(evaluations, current)))


def _first_of(evaluations: Sequence[Mapping[str, Any]], index: int) -> Mapping[str, Any] | None:
    ours = [each for each in evaluations if each.get("JobModifyIndex") == index]
    return min(ours, key=lambda each: each.get("CreateIndex") or 0, default=None)


def _blocked_later(
    evaluations: Sequence[Mapping[str, Any]], current: Mapping[str, Any]
) -> tuple[Mapping[str, Any], ...]:
    """What a later step of the same rollout waits for: the deployment's own evaluations are not in our chain."""
    since = current.get("CreateIndex") or 0
    return tuple(e for e in evaluations if e.get("Status") == "blocked" and (e.get("CreateIndex") or 0) > since)


def _following(evaluation: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The evaluation that goes on with this one's work. A delayed reschedule (NextEval of a complete one) does not."""
    following = by_id.get(evaluation.get("NextEval") or "")
    if following is not None and (
        evaluation.get("Status") == "failed" or following.get("TriggeredBy") == "rolling-update"
    ):
        return following
    blocked = by_id.get(evaluation.get("BlockedEval") or "")
    # A canceled duplicate of a blocked evaluation: the words of the one before it still hold.
    return blocked if blocked is not None and blocked.get("Status") != "canceled" else None


def _why(*evaluations: Mapping[str, Any]) -> str:
    for each in evaluations:
        if text := unplaced(each):
            return text
    return next((bounded(e.get("StatusDescription") or "") for e in evaluations if e.get("Status") == "failed"), "")
