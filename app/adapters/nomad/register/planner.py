"""Asks Nomad what a registration would change. Blocking calls; nothing is registered."""

from collections.abc import Mapping
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.errors import while_planning
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.problem import Refusal, Silence
from app.domain.watch import JobPlace
from app.errors import JobChanged

Reply = Mapping[str, Any]


class Planner:
    """The plan endpoint: https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-plan."""

    def __init__(self, client: NomadClient) -> None:
        self._client = client

    def plan(self, place: JobPlace, job: Mapping[str, Any], *, expected_index: int) -> Reply | None:
        """The reply for `job` as it would be posted; None where the token may not plan (403).

        Raises JobChanged when the job is no longer at `expected_index`, JobRejected when Nomad refuses the
        specification, NomadUnavailable and NomadDenied. A plan writes nothing, so its outcome is never unknown.
        """
        try:
            reply = self._client.post(place, "job", place.job_id, "plan", body={"Job": job, "Diff": True})
        except (Refusal, Silence) as problem:
            if isinstance(problem, Refusal) and problem.status == 403:
                return None
            raise while_planning(problem, self._client.origin, place) from problem
        found = reply.get("JobModifyIndex") or 0
        if found != expected_index:
            raise JobChanged(refusals.moved(refusals.name_of(place), found=found, expected=expected_index))
        return reply
