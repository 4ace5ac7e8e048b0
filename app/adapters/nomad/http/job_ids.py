"""Job ids that end like an endpoint of a job, such as `ci/versions`: Nomad takes that ending off the path. Pure.

`GET /v1/job/ci%2Fversions` answers with the versions of the job `ci`, however the slash is written. The endpoints of
such a job work all the same, since Nomad takes off one ending only: its newest version is its specification, and it is
registered at `/v1/jobs`, which has no id in its path.
"""

from collections.abc import Mapping
from typing import Any

_ENDINGS = tuple(
    f"/{each}"
    for each in (
        "action", "actions", "allocations", "deployment", "deployments", "dispatch", "dispatch/payload", "evaluate",
        "evaluations", "periodic/force", "plan", "revert", "scale", "services", "stable", "submission", "summary",
        "tag", "versions",
    )
)  # fmt: skip


def ends_as_endpoint(job_id: str) -> bool:
    """True if Nomad would take the end of this id for an endpoint."""
    return job_id.endswith(_ENDINGS)


def is_job(found: Mapping[str, Any], job_id: str) -> bool:
    """True if the answer is this job: a proxy, or an ending of a newer Nomad, may give another object."""
    return found.get("ID") == job_id and isinstance(found.get("JobModifyIndex"), int)
