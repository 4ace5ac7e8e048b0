"""Finds out why our registration does not run: from allocations, the scheduler, failing checks and logs.

Blocking calls. This module does not judge the rollout. Anything that the token may not read is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.adapters.nomad.explain.allocations import at, failures, is_late, lateness, may_fail_checks
from app.adapters.nomad.explain.logs import tails
from app.adapters.nomad.follow.evaluations import scheduling
from app.adapters.nomad.follow.following import read_job
from app.adapters.nomad.follow.snapshot import JobReads, our_allocations, our_deployment, our_version
from app.adapters.nomad.http.client import NomadClient
from app.domain.deployment import Diagnosis
from app.domain.job import Submission
from app.domain.watch import JobPlace
from app.errors import RegistryWatcherError

_AT_MOST = 6
_CHECKED = 2  # allocations whose checks are read
_SECONDS = 3.0


def diagnose(client: NomadClient, place: JobPlace, submission: Submission) -> Diagnosis:
    """As `Deployer.diagnose` of app/ports.py."""
    reads = read_job(client, place, submission)
    if reads is None:
        return Diagnosis(findings=("the job is no longer in Nomad",))
    ours = our_allocations(reads, submission)
    scheduled, late = scheduling(reads.evaluations, submission), _late(reads, submission)
    findings = [
        *_failing_checks(client, place, [*(each for each in ours if may_fail_checks(each)), *late]),
        *failures(ours, our_version(reads, submission)),
        *((scheduled.unplaced,) if scheduled and scheduled.unplaced else ()),
    ] or [*lateness(late)]
    logs, logs_denied = tails(client, place, ours)
    return Diagnosis(findings=tuple(dict.fromkeys(findings))[:_AT_MOST], logs=logs, logs_denied=logs_denied)


def _late(reads: JobReads, submission: Submission) -> list[Mapping[str, Any]]:
    """The allocations that our deployment still waited for: a progress deadline may end it before any is unhealthy."""
    deployment = our_deployment(reads, submission)
    if deployment is None or deployment.get("Status") == "successful":
        return []
    return [each for each in our_allocations(reads, submission) if is_late(each)]


def _failing_checks(client: NomadClient, place: JobPlace, candidates: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The failing checks of Nomad's own services. Nomad cannot read Consul's checks."""
    for allocation in [each for each in candidates if each.get("ClientStatus") == "running"][:_CHECKED]:
        try:
            checks = client.get(place, "client", "allocation", allocation["ID"], "checks", shape=dict, timeout=_SECONDS)
        except RegistryWatcherError:
            return
        for check in (checks or {}).values():
            if check.get("Status") == "failure":
                yield _failing_check(check, allocation.get("TaskGroup") or "")


def _failing_check(check: Mapping[str, Any], group: str) -> str:
    where = f"{group}/{check['Task']}" if check.get("Task") else group
    return at(f'health check failed: "{check.get("Check")}": {check.get("Output") or "no output"}', where)
