"""How far Nomad's scheduler is with our registration, read from the job's evaluations. Pure.

An evaluation may pass its work to another: a failed one to its follow-up, an incomplete one to a blocked one
(docs/nomad.md, section 8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.adapters.nomad.explain.placement import unplaced
from app.adapters.nomad.text import bounded
from app.adapters.nomad.translate import FINISHED
from app.domain.deployment import WaitIndex
from app.domain.job import Submission

_UNFINISHED = ("pending", "blocked")

Evaluation = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """Whether the scheduler is done, and why it could not place everything ("" when it could).

    `wait_index` names the evaluation to wait for; None when the scheduler is done and nothing is blocked.
    """

    done: bool
    unplaced: str
    wait_index: WaitIndex | None = None


def scheduling(evaluations: Sequence[Evaluation], submission: Submission) -> Scheduling | None:
    """Follow our evaluation to the one that holds its work now; None when ours is not among them."""
    by_id = {each["ID"]: each for each in evaluations}
    current = by_id.get(submission.evaluation_id) or _first_of(evaluations, submission.index)
    if current is None:
        return None
    passed = set()
    while (following := _following(current, by_id)) is not None and following["ID"] not in passed:
        passed.add(current["ID"])
        if following.get("Status") == "blocked":
            done, cause = current.get("Status") == "complete", _why(following, current)
            return Scheduling(done=done, unplaced=cause, wait_index=_wait_index(following))
        current = following
    if current.get("Status") in _UNFINISHED:
        return Scheduling(done=False, unplaced=_why(current), wait_index=_wait_index(current))
    return _at_its_end(evaluations, current)


def unplaced_of_deployment(evaluations: Sequence[Evaluation], deployment: Mapping[str, Any]) -> str:
    """Why an allocation of the deployment has no place, by its newest evaluation that was processed; "" if it has.

    Canceled evaluations count as well: Nomad cancels a blocked one for a newer one. The evaluation that follows the end
    of a deployment places nothing more, so it does not count.
    """
    ended = deployment.get("ModifyIndex") or 0 if deployment.get("Status") in FINISHED else None
    ours = [
        each
        for each in evaluations
        if each.get("DeploymentID") == deployment["ID"]
        and (each.get("Status") == "complete" or unplaced(each))
        and (ended is None or _created(each) < ended)
    ]
    newest = max(ours, key=_created, default=None)
    return "" if newest is None else unplaced(newest)


def _at_its_end(evaluations: Sequence[Evaluation], current: Evaluation) -> Scheduling:
    """The end of the chain. A blocked evaluation of the same job waits for us too; later evaluations know more."""
    blocked = _blocked_beside(evaluations, current)
    if blocked is not None:
        return Scheduling(done=True, unplaced=_why(current, blocked), wait_index=_wait_index(blocked))
    return Scheduling(done=True, unplaced="" if _was_completed(evaluations, current) else _why(current))


def _first_of(evaluations: Sequence[Evaluation], index: int) -> Evaluation | None:
    ours = [each for each in evaluations if each.get("JobModifyIndex") == index]
    return min(ours, key=_created, default=None)


def _following(evaluation: Evaluation, by_id: Mapping[str, Evaluation]) -> Evaluation | None:
    """The evaluation that continues this one's work. NextEval of a complete one is a reschedule, and does not."""
    following = by_id.get(evaluation.get("NextEval") or "")
    if following is not None and (
        evaluation.get("Status") == "failed" or following.get("TriggeredBy") == "rolling-update"
    ):
        return following
    blocked = by_id.get(evaluation.get("BlockedEval") or "")
    return blocked if blocked is not None and blocked.get("Status") != "canceled" else None


def _blocked_beside(evaluations: Sequence[Evaluation], current: Evaluation) -> Evaluation | None:
    """The job's blocked evaluation, if it waits for a later step of our deployment or outlived a canceled duplicate."""
    is_duplicate = bool(current.get("BlockedEval")) or current.get("Status") == "canceled"
    blocked = [
        each
        for each in evaluations
        if each.get("Status") == "blocked" and (is_duplicate or _created(each) > _created(current))
    ]
    return max(blocked, key=_created, default=None)


def _was_completed(evaluations: Sequence[Evaluation], current: Evaluation) -> bool:
    """True if a later evaluation placed everything, or if the one that continues the work was collected."""
    known = {each["ID"] for each in evaluations}
    if current.get("Status") == "failed" and (follow_up := current.get("NextEval")) and follow_up not in known:
        return True
    later = [e for e in evaluations if e.get("Status") == "complete" and _created(e) > _created(current)]
    newest = max(later, key=_created, default=None)
    return newest is not None and not unplaced(newest)


def _created(evaluation: Evaluation) -> int:
    return evaluation.get("CreateIndex") or 0


def _wait_index(evaluation: Evaluation) -> WaitIndex:
    index = evaluation.get("ModifyIndex") or _created(evaluation)
    return WaitIndex(subject=f"evaluation/{evaluation['ID']}", index=index)


def _why(*evaluations: Evaluation) -> str:
    for each in evaluations:
        if text := unplaced(each):
            return text
    return next((bounded(e.get("StatusDescription") or "") for e in evaluations if e.get("Status") == "failed"), "")
