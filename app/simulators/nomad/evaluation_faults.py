"""Faults of an evaluation: ends that a real server reaches only when it is busy. (docs/nomad.md, section 8)"""

from __future__ import annotations

from enum import StrEnum

from app.simulators.nomad import evaluations
from app.simulators.nomad.tables import Evaluation, JobRecord
from app.simulators.nomad.world import World


class EvaluationFault(StrEnum):
    """How an evaluation ends without its work done. Another evaluation does the work."""

    DELIVERY_LIMIT = "delivery-limit"
    """Failed. NextEval names a follow-up that waits."""
    MAX_ATTEMPTS = "max-attempts"
    """Failed after conflicting plans. BlockedEval names the evaluation that continues."""
    OVERTAKEN = "overtaken"
    """Canceled, because a more recent evaluation of the job does the work."""


FOLLOW_UP_SECONDS = 60.0


def end_by_fault(world: World, record: JobRecord, evaluation: Evaluation, fault: EvaluationFault) -> None:
    """End an evaluation by a fault, at a new index, and create its successor."""
    world.commit()
    if fault is EvaluationFault.DELIVERY_LIMIT:
        successor = evaluations.create(world, record, "failed-follow-up", after=FOLLOW_UP_SECONDS)
        successor.wait = FOLLOW_UP_SECONDS
        evaluation.status, evaluation.description = "failed", "evaluation reached delivery limit (3)"
        evaluation.next_eval = successor.id
    elif fault is EvaluationFault.MAX_ATTEMPTS:
        successor = evaluations.create(world, record, "max-plan-attempts")
        successor.status, successor.description = "blocked", "created due to placement conflicts"
        evaluation.status, evaluation.description = "failed", "maximum attempts reached (5)"
        evaluation.blocked_eval = successor.id
    else:
        successor = evaluations.create(world, record, "job-register")
        evaluation.status = "canceled"
        evaluation.description = "canceled after more recent eval was processed"
    successor.previous_eval = evaluation.id
    successor.job_modify_index = evaluation.job_modify_index
    world.stamp(evaluation)
