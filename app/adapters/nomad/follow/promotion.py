"""Promote a deployment's canaries, or mark a deployment as failed, as a person would. Blocking calls.

A lost answer is harmless here: the next look at the deployment tells what was done, and doing it twice is refused.
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
    """What `Deployer.promote` and `Deployer.fail` of app/ports.py do."""

    def __init__(self, client: NomadClient) -> None:
        self._client = client

    def promote(self, place: JobPlace, deployment_id: str) -> None:
        """All canaries of all groups at once, which cannot be taken back."""
        self._post(place, "promote", deployment_id, {"DeploymentID": deployment_id, "All": True})

    def fail(self, place: JobPlace, deployment_id: str) -> None:
        """Nomad goes back by itself then, where the job says so."""
        self._post(place, "fail", deployment_id, {"DeploymentID": deployment_id})

    def _post(self, place: JobPlace, verb: str, deployment_id: str, body: dict[str, Any]) -> None:
        try:
            self._client.post(place, "deployment", verb, deployment_id, body=body)
        except (Refusal, Silence) as problem:
            raise _error(problem, self._client.origin, verb=verb, deployment_id=deployment_id) from problem


def _error(problem: Problem, origin: str, *, verb: str, deployment_id: str) -> RegistryWatcherError:
    deployment = f"the deployment {deployment_id[:8]}"
    if isinstance(problem, Silence):
        return NomadUnavailable(f"Nomad at {origin}: {problem}; look whether {deployment} moved, or ask again")
    if problem.status in (401, 403):
        return NomadDenied(
            f"Nomad at {origin} refuses to {verb} {deployment}: {problem.text or 'Permission denied'}. Give "
            f"NOMAD_TOKEN (or NOMAD_TOKEN_FILE) a token with submit-job or {verb}-deployment in the job's namespace"
        )
    if told := _rejected(problem, deployment, verb):
        return JobRejected(told)
    return while_reading(problem, origin)


def _rejected(refusal: Refusal, deployment: str, verb: str) -> str:
    """Nomad's judgement on the deployment, with the mend; "" when it says something of Nomad."""
    if unhealthy := _UNHEALTHY.findall(refusal.text):
        groups = ", ".join(f"{have} of {need} in group {group}" for group, have, need in unhealthy)
        return (
            f"{deployment} cannot be promoted: not all canaries are healthy ({groups}); wait until they are, or fail it"
        )
    if any(text in refusal.text for text in _IS_OVER):
        return f"{deployment} is over already, so that nobody can {verb} it; deploy again if it did not end well"
    if any(text in refusal.text for text in _IS_GONE):
        return f"{deployment} is not in Nomad any more, so that nobody can {verb} it; deploy again if need be"
    if 400 <= refusal.status < 500 and refusal.status != 429:
        return bounded(f"Nomad refuses to {verb} {deployment}: {refusal.text or refusal.status}; look at it in Nomad")
    return ""
