"""Claims and jobs that several tests of a pass begin with, and what they read of its result."""

from datetime import timedelta
from typing import Any

from app.domain.decision import Deploy, Hold
from app.domain.job import ActiveDeployment, JobPatch
from app.errors import NomadDenied
from app.refusals.samples import NOW
from tests.unit.services.reconcile.passes import Pass

PATCH = JobPatch(changes={}, expected_index=7)
READ: dict[str, Any] = {"inspect_job": False, "job_read_at": NOW - timedelta(seconds=10)}
QUEUED: dict[str, Any] = {"queued_since": NOW - timedelta(seconds=5), "others_active": 1}
FOREIGN = ActiveDeployment(deployment_id="d", job_spec_index=7, progress="1", description="1 of 2")
DENIED = NomadDenied("no permission")


def decision(found: Pass) -> Hold | Deploy | None:
    (watch,) = found.targets.result.watches
    return watch.decision
