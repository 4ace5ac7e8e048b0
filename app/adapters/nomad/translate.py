"""Translates Nomad's JSON about jobs and registrations into our values. Pure: no I/O, no clock; callers get no dicts.

Keys may be missing, so everything is read with `.get` (docs/nomad.md, section 1). Shapes:
https://developer.hashicorp.com/nomad/api-docs/jobs and https://developer.hashicorp.com/nomad/api-docs/deployments.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.images import specified_task, tasks_of
from app.adapters.nomad.text import bounded, storable
from app.domain.job import ActiveDeployment, JobState, Placement, Submission

_ROLLED_BACK = re.compile(r"(?<!not )rolling back to job version (\d+)")

# The statuses of a deployment that has ended; an unknown status counts as active.
FINISHED = ("successful", "failed", "cancelled")


def job_state(job: Mapping[str, Any], deployments: Sequence[Mapping[str, Any]], placement: Placement) -> JobState:
    """The state of the job that a decision needs; `deployments` are all of this job, in any order."""
    return JobState(
        index=job["JobModifyIndex"],
        create_index=job.get("CreateIndex") or 0,
        version=job.get("Version") or 0,
        submitted_at=(job.get("SubmitTime") or 0) / 1e9,
        tasks=tuple(specified_task(key, task) for key, task in tasks_of(job)),
        unusable=unusable(job),
        deployment=_active(deployments),
        placement=placement,
        reverted=_is_auto_revert(job, deployments),
    )


def unusable(job: Mapping[str, Any]) -> str | None:
    """Why we must not register this job, with the fix; None when we may."""
    name = str(job.get("ID"))
    if job.get("Stop"):
        return refusals.stopped(name)
    if job.get("ParentID") or job.get("Dispatched"):
        return refusals.child(name, job.get("ParentID") or "another job")
    return refusals.multiregion(name) if job.get("Multiregion") else None


def launches_later(job: Mapping[str, Any]) -> bool:
    """True if a registration starts nothing by itself: for periodic and parameterized jobs."""
    return bool(job.get("Periodic") or job.get("ParameterizedJob"))


def completes(job: Mapping[str, Any]) -> bool:
    """True if the job's allocations end by themselves."""
    return job.get("Type") in ("batch", "sysbatch")


def is_wanted(allocation: Mapping[str, Any]) -> bool:
    """True unless the allocation was replaced or stopped."""
    return allocation.get("DesiredStatus") == "run" and not allocation.get("NextAllocation")


def submission(reply: Mapping[str, Any], before: Mapping[str, Any]) -> Submission:
    """Read the reply to a registration, given the job as it was read before.

    A changed specification has `JobModifyIndex == Index`, larger than any index read before; for an unchanged one the
    reply depends on the version of Nomad (docs/nomad.md, sections 4 and 15).
    """
    index = reply.get("JobModifyIndex") or 0
    changed = index == (reply.get("Index") or 0) and index > (before.get("ModifyIndex") or 0)
    return Submission(
        index=index if changed else before["JobModifyIndex"],
        evaluation_id=reply.get("EvalID") or "",
        changed=changed,
        warnings=bounded(reply.get("Warnings") or "", 1000),
    )


def submission_read_back(index: int, evaluations: Sequence[Mapping[str, Any]]) -> Submission:
    """The submission that made `index`, when its reply was lost: its evaluation carries that index."""
    ours = [each for each in evaluations if each.get("JobModifyIndex") == index]
    first = min(ours, key=lambda each: each.get("CreateIndex") or 0, default={})
    return Submission(index=index, evaluation_id=first.get("ID") or "")


def reverted_to(description: str) -> int | None:
    """The version that Nomad's auto-revert returned to, from the description of the failed deployment; None without."""
    found = _ROLLED_BACK.search(description)
    return int(found[1]) if found else None


def _is_auto_revert(job: Mapping[str, Any], deployments: Sequence[Mapping[str, Any]]) -> bool:
    """Whether auto-revert made this version of the job. Nomad registers it together with the end of the deployment that
    failed, so it is the version after that deployment's."""
    return any(
        (each.get("JobVersion") or 0) + 1 == (job.get("Version") or 0)
        and each.get("JobCreateIndex", job.get("CreateIndex")) == job.get("CreateIndex")
        and each.get("Status") == "failed"
        and reverted_to(each.get("StatusDescription") or "") is not None
        for each in deployments
    )


def _active(deployments: Sequence[Mapping[str, Any]]) -> ActiveDeployment | None:
    active = [each for each in deployments if each.get("Status") not in FINISHED]
    if not active:
        return None
    newest = max(active, key=lambda each: each.get("CreateIndex") or 0)
    return ActiveDeployment(
        deployment_id=newest["ID"],
        job_spec_index=newest.get("JobSpecModifyIndex") or 0,
        progress=_progress(newest),
        description=storable(newest.get("StatusDescription") or newest.get("Status") or ""),
    )


def _progress(deployment: Mapping[str, Any]) -> str:
    groups = sorted((deployment.get("TaskGroups") or {}).items())
    counts = [
        f"{name}:{group.get('PlacedAllocs')}:{group.get('HealthyAllocs')}:{group.get('UnhealthyAllocs')}:{group.get('Promoted')}"
        for name, group in groups
    ]
    return "|".join([deployment.get("Status") or "", *counts])
