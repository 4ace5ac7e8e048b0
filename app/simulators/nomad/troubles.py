"""Answers: what goes wrong with an evaluation itself? Ends that need a busy or unlucky server
(docs/nomad.md, section 8).
"""

from __future__ import annotations

from enum import StrEnum

from app.simulators.nomad import evaluations
from app.simulators.nomad.tables import Evaluation, JobRecord
from app.simulators.nomad.world import World


class Misbehaviour(StrEnum):
    """How an evaluation ends without having done its work; another one does it."""

    DELIVERY_LIMIT = "delivery-limit"
    """Failed, with NextEval naming a follow-up that waits."""
    MAX_ATTEMPTS = "max-attempts"
    """Failed after conflicting plans, with BlockedEval naming the one that goes on."""
    OVERTAKEN = "overtaken"
    """Canceled, because a more recent evaluation of the job does the work."""


FOLLOW_UP_SECONDS = 60.0


def strike(world: World, record: JobRecord, evaluation: Evaluation, trouble: Misbehaviour) -> None:
    """End an evaluation by a trouble, at a new index, and start the one that takes its place."""
    world.commit()
    if trouble is Misbehaviour.DELIVERY_LIMIT:
        heir = evaluations.create(world, record, "failed-follow-up", after=FOLLOW_UP_SECONDS)
        heir.wait = FOLLOW_UP_SECONDS
        evaluation.status, evaluation.description = "failed", "evaluation reached delivery limit (3)"
        evaluation.next_eval = heir.id
    elif trouble is Misbehaviour.MAX_ATTEMPTS:
        heir = evaluations.create(world, record, "max-plan-attempts")
        heir.status, heir.description = "blocked", "created due to placement conflicts"
        evaluation.status, evaluation.description = "failed", "maximum attempts reached (5)"
        evaluation.blocked_eval = heir.id
    else:
        heir = evaluations.create(world, record, "job-register")
        evaluation.status = "canceled"
        evaluation.description = "canceled after more recent eval was processed"
    heir.previous_eval = evaluation.id
    heir.job_modify_index = evaluation.job_modify_index
    world.stamp(evaluation)
