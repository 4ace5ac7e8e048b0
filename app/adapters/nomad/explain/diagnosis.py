"""Why our registration does not run: what its allocations and the scheduler tell, failing checks, and logs.

Blocking calls. It must not judge whether the rollout failed, and it goes without whatever it may not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.adapters.nomad.explain.allocations import failures, is_late, lateness, may_fail_checks
from app.adapters.nomad.explain.logs import tails
from app.adapters.nomad.follow.evaluations import scheduling
from app.adapters.nomad.follow.following import sighting
from app.adapters.nomad.follow.snapshot import Sighting, our_allocations, our_deployment, our_version
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.text import bounded
from app.domain.job import Diagnosis, Submission
from app.domain.watch import JobPlace
from app.errors import RegistryWatcherError

_AT_MOST = 6
_CHECKED = 2  # allocations whose checks are read
_SECONDS = 3.0


def diagnose(client: NomadClient, place: JobPlace, submission: Submission) -> Diagnosis:
    """As `Deployer.diagnose` of app/ports.py."""
    seen = sighting(client, place, submission)
    if seen is None:
        return Diagnosis(findings=("the job is not in Nomad any more",))
    ours = our_allocations(seen, submission)
    scheduled, late = scheduling(seen.evaluations, submission), _late(seen, submission)
    findings = [
        *_failing_checks(client, place, [*(each for each in ours if may_fail_checks(each)), *late]),
        *failures(ours, our_version(seen, submission)),
        *((scheduled.unplaced,) if scheduled and scheduled.unplaced else ()),
    ] or [*lateness(late)]
    logs, logs_denied = tails(client, place, ours)
    return Diagnosis(findings=tuple(dict.fromkeys(findings))[:_AT_MOST], logs=logs, logs_denied=logs_denied)


def _late(seen: Sighting, submission: Submission) -> list[Mapping[str, Any]]:
    """What our deployment still waited for: a progress deadline ends it before any allocation is found unhealthy."""
    deployment = our_deployment(seen, submission)
    if deployment is None or deployment.get("Status") == "successful":
        return []
    return [each for each in our_allocations(seen, submission) if is_late(each)]


def _failing_checks(client: NomadClient, place: JobPlace, asked: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the checks of Nomad's own services answer; Consul keeps its checks to itself."""
    for allocation in [each for each in asked if each.get("ClientStatus") == "running"][:_CHECKED]:
        try:
            checks = client.get(place, "client", "allocation", allocation["ID"], "checks", shape=dict, timeout=_SECONDS)
        except RegistryWatcherError:
            return
        for check in (checks or {}).values():
            if check.get("Status") == "failure":
                yield _failing_check(check, allocation.get("TaskGroup") or "")


def _failing_check(check: Mapping[str, Any], group: str) -> str:
    where = f"{group}/{check['Task']}" if check.get("Task") else group
    return bounded(f'{where}: check "{check.get("Check")}" fails: {check.get("Output") or "no output"}')
