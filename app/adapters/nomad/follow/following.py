"""The reading half of the deployer: how our registration goes, and what Nomad put in its place.
Blocking calls, none of which waits. It must not judge what it sees, and it changes nothing.
"""

from collections.abc import Mapping
from typing import Any

from app.adapters.nomad.follow.snapshot import Sighting, is_active, is_troubled, snapshot, snapshot_under_way
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.translate import launches_later
from app.domain.job import Snapshot, Submission
from app.domain.watch import JobPlace

_BY_NOMAD = "deployment-watcher"


class Following:
    """Looks, as `Deployer.observe` and `Deployer.returned` of app/ports.py say."""

    def __init__(self, client: NomadClient) -> None:
        self._client = client

    def observe(
        self,
        place: JobPlace,
        submission: Submission,
        *,
        deployment_id: str = "",
        just_seen: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        """One request while the deployment is active and nothing is wrong with it, none where it was `just_seen`.

        Its end, and its absence, are looked at in full: a deployment may be collected the moment that it is over.
        """
        deployment = just_seen or self._deployment(place, deployment_id)
        if deployment is None or deployment.get("JobSpecModifyIndex") != submission.index:
            seen = sighting(self._client, place, submission)
        # What has moved just now may be between two placements.
        elif is_active(deployment) and not is_troubled(deployment, has_moved=just_seen is not None):
            return snapshot_under_way(deployment, submission)
        else:
            seen = sighting(self._client, place, submission, deployment=deployment)
        return Snapshot(present=False) if seen is None else snapshot(seen, submission)

    def returned(self, place: JobPlace, submission: Submission) -> Submission | None:
        """The version that Nomad registered next after ours, in one step with our deployment's failure."""
        later = [each for each in self._client.versions(place) if each["JobModifyIndex"] > submission.index]
        if not later:
            return None
        index = min(each["JobModifyIndex"] for each in later)
        evaluations = self._client.of_job(place, "evaluations")
        if any(each.get("JobModifyIndex") == index for each in evaluations):
            return None  # somebody registered it: Nomad's own evaluation names no JobModifyIndex
        by_nomad = [each for each in evaluations if each.get("TriggeredBy") == _BY_NOMAD]
        ours = next((each for each in by_nomad if each.get("CreateIndex") == index), None)
        if ours is not None:
            return Submission(index=index, evaluation_id=ours["ID"])
        return Submission(index=index, evaluation_id="") if self._ended_ours(place, submission, index) else None

    def _deployment(self, place: JobPlace, deployment_id: str) -> Mapping[str, Any] | None:
        if not deployment_id:
            return None
        found: dict[str, Any] | None = self._client.get(place, "deployment", deployment_id, shape=dict)
        return found

    def _ended_ours(self, place: JobPlace, submission: Submission, index: int) -> bool:
        """Whether our deployment failed in the very step that made `index`; its evaluation is collected."""
        return any(
            each.get("JobSpecModifyIndex") == submission.index
            and each.get("Status") == "failed"
            and each.get("ModifyIndex") == index
            for each in self._client.of_job(place, "deployments")
        )


def sighting(
    client: NomadClient, place: JobPlace, submission: Submission, *, deployment: Mapping[str, Any] | None = None
) -> Sighting | None:
    """All that is there to see of the job, in up to five requests; None when the job is not there.

    `deployment` is ours where it was read already.
    """
    job = client.job(place)
    if job is None:
        return None
    if launches_later(job):
        return Sighting(job=job)
    # Evaluations first: once ours is complete, its deployment is there to be read.
    evaluations = client.of_job(place, "evaluations")
    return Sighting(
        job=job,
        evaluations=evaluations,
        deployments=client.of_job(place, "deployments") if deployment is None else [deployment],
        allocations=client.of_job(place, "allocations"),
        versions=client.versions(place) if job["JobModifyIndex"] != submission.index else (),
    )
