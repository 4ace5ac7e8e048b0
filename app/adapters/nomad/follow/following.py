"""The reading half of the deployer: snapshots of our registration, and the version that Nomad rolled back to.

Blocking calls that change nothing. This module does not judge the rollout.
"""

from collections.abc import Mapping
from typing import Any

from app.adapters.nomad.follow.snapshot import JobReads, is_active, is_troubled, snapshot, snapshot_under_way
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.register.jobspec import has_images
from app.adapters.nomad.translate import launches_later, submission_read_back
from app.domain.deployment import Snapshot
from app.domain.job import JobPatch, Submission
from app.domain.watch import JobPlace

_BY_NOMAD = "deployment-watcher"


class DeploymentProgress:
    """Implements `Deployer.observe` and `Deployer.returned` of app/ports.py."""

    def __init__(self, client: NomadClient) -> None:
        self._client = client

    def observe(
        self,
        place: JobPlace,
        submission: Submission,
        *,
        deployment_id: str = "",
        just_read: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        """Take a snapshot: by one request while the deployment is active and healthy, by none if it was `just_read`.

        When the deployment has ended or is missing, the whole job is read: it may be collected as soon as it ends.
        """
        deployment = just_read or self._deployment(place, deployment_id)
        if deployment is None or deployment.get("JobSpecModifyIndex") != submission.index:
            reads = read_job(self._client, place, submission)
        # A deployment that changed just now may be between two placements.
        elif is_active(deployment) and not is_troubled(deployment, has_changed=just_read is not None):
            return snapshot_under_way(deployment, submission)
        else:
            reads = read_job(self._client, place, submission, deployment=deployment)
        return Snapshot(present=False) if reads is None else snapshot(reads, submission)

    def find_auto_revert(self, place: JobPlace, submission: Submission) -> Submission | None:
        """The version that Nomad registered right after ours, in the same step in which our deployment failed."""
        later = [each for each in self._client.versions(place) if each["JobModifyIndex"] > submission.index]
        if not later:
            return None
        index = min(each["JobModifyIndex"] for each in later)
        evaluations = self._client.of_job(place, "evaluations")
        if any(each.get("JobModifyIndex") == index for each in evaluations):
            return None  # a person registered it: the evaluation of Nomad's own rollback names no JobModifyIndex
        by_nomad = [each for each in evaluations if each.get("TriggeredBy") == _BY_NOMAD]
        ours = next((each for each in by_nomad if each.get("CreateIndex") == index), None)
        if ours is not None:
            return Submission(index=index, evaluation_id=ours["ID"])
        return Submission(index=index, evaluation_id="") if self._ended_ours(place, submission, index) else None

    def find_successor(self, place: JobPlace, submission: Submission, patch: JobPatch) -> Submission | None:
        """The next registration after ours, if it still has the images of our patch.

        Not the job as it is now: Nomad may have reverted that registration already, because our image failed in it.
        """
        later = [each for each in self._client.versions(place) if each["JobModifyIndex"] > submission.index]
        successor = min(later, key=lambda each: int(each["JobModifyIndex"]), default=None)
        if successor is None or successor.get("Stop") or not has_images(successor, patch):
            return None
        return submission_read_back(successor["JobModifyIndex"], self._client.of_job(place, "evaluations"))

    def _deployment(self, place: JobPlace, deployment_id: str) -> Mapping[str, Any] | None:
        if not deployment_id:
            return None
        found: dict[str, Any] | None = self._client.get(place, "deployment", deployment_id, shape=dict)
        return found

    def _ended_ours(self, place: JobPlace, submission: Submission, index: int) -> bool:
        """True if our deployment failed in the step that made `index`. Its evaluation may be collected already."""
        return any(
            each.get("JobSpecModifyIndex") == submission.index
            and each.get("Status") == "failed"
            and each.get("ModifyIndex") == index
            for each in self._client.of_job(place, "deployments")
        )


def read_job(
    client: NomadClient, place: JobPlace, submission: Submission, *, deployment: Mapping[str, Any] | None = None
) -> JobReads | None:
    """Read everything about the job in up to five requests; None when Nomad has no such job.

    `deployment` is our deployment, if it was read already.
    """
    job = client.job(place)
    if job is None:
        return None
    if launches_later(job):
        return JobReads(job=job)
    # Evaluations first: once ours is complete, its deployment is there to be read.
    evaluations = client.of_job(place, "evaluations")
    return JobReads(
        job=job,
        evaluations=evaluations,
        deployments=client.of_job(place, "deployments") if deployment is None else [deployment],
        allocations=client.of_job(place, "allocations"),
        versions=client.versions(place) if job["JobModifyIndex"] != submission.index else (),
    )
