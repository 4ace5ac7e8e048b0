"""Promotes a deployment's canaries, or marks a deployment as failed. Blocking calls.

A lost answer is harmless: the next snapshot shows what was done, and Nomad refuses to do it twice.
https://developer.hashicorp.com/nomad/api-docs/deployments#promote-deployment
"""

import re
from typing import Any

from app.adapters.nomad.errors import while_reading
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.problem import Problem, Refusal, Silence
from app.adapters.nomad.text import bounded
from app.domain.watch import JobPlace
from app.errors import JobRejected, NomadDenied, NomadUnavailable, RegistryWatcherError

_UNHEALTHY = re.compile(r'Task group "([^"]*)" has (\d+)/(\d+) healthy allocations')
_IS_OVER = ("terminal deployment", "has terminal status")
_IS_GONE = ("deployment not found", "does not exist")


class Promotion:
    """Implements `Deployer.promote` and `Deployer.fail` of app/ports.py."""

    def __init__(self, client: NomadClient) -> None:
        self._client = client

    def promote(self, place: JobPlace, deployment_id: str) -> None:
        """Promote all canaries of all groups at once. Promotion cannot be undone."""
        self._post(place, "promote", deployment_id, {"DeploymentID": deployment_id, "All": True})

    def fail(self, place: JobPlace, deployment_id: str) -> None:
        """Mark the deployment as failed. Nomad then rolls back, if the job has auto_revert."""
        self._post(place, "fail", deployment_id, {"DeploymentID": deployment_id})

    def _post(self, place: JobPlace, verb: str, deployment_id: str, body: dict[str, Any]) -> None:
        try:
            self._client.post(place, "deployment", verb, deployment_id, body=body)
        except (Refusal, Silence) as problem:
            raise _error(problem, self._client.origin, verb=verb, deployment_id=deployment_id) from problem


def _error(problem: Problem, origin: str, *, verb: str, deployment_id: str) -> RegistryWatcherError:
    deployment = f"the deployment {deployment_id[:8]}"
    if isinstance(problem, Silence):
        return NomadUnavailable(f"Nomad at {origin}: {problem}; check {deployment} in Nomad, or try again")
    if problem.status in (401, 403):
        return NomadDenied(
            f"Nomad at {origin} refuses to {verb} {deployment}: {problem.text or 'Permission denied'}; give "
            f"NOMAD_TOKEN (or NOMAD_TOKEN_FILE) a token with submit-job or {verb}-deployment in the job's namespace"
        )
    if message := _rejected(problem, deployment, verb):
        return JobRejected(message)
    return while_reading(problem, origin)


def _rejected(refusal: Refusal, deployment: str, verb: str) -> str:
    """Why Nomad refuses to change this deployment, with the fix; "" when the cause is Nomad itself."""
    if unhealthy := _UNHEALTHY.findall(refusal.text):
        groups = ", ".join(f"{have} of {need} in group {group}" for group, have, need in unhealthy)
        return (
            f"{deployment} cannot be promoted: not all canaries are healthy ({groups}); wait until they are, or fail it"
        )
    if any(text in refusal.text for text in _IS_OVER):
        return f"{deployment} has already ended, so it is too late to {verb} it; deploy again if it failed"
    if any(text in refusal.text for text in _IS_GONE):
        return f"{deployment} is no longer in Nomad, so it is too late to {verb} it; deploy again if necessary"
    if 400 <= refusal.status < 500 and refusal.status != 429:
        return bounded(f"Nomad refuses to {verb} {deployment}: {refusal.text or refusal.status}; check it in Nomad")
    return ""
