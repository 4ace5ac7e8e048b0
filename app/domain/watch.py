"""A watch: a repository, how it is deployed, and its place in Nomad."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.reference import Repository


class DeployBy(StrEnum):
    """What is written into the job: the digest (same bytes everywhere, the default) or the tag alone."""

    DIGEST = "digest"
    TAG = "tag"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class JobPlace:
    """Where a job lives. An empty region is the agent's own."""

    region: str
    namespace: str
    job_id: str

    def __str__(self) -> str:
        parts = [self.region] if self.region else []
        if self.namespace != "default":
            parts.append(self.namespace)
        return "/".join([*parts, self.job_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One entry of `repo_map`, as configured. The rule (pinned_tag, auto_deploy) is state and lives in Postgres.

    `registry` names the registry_map entry; `group` None means every group that has such a task;
    `task` is the name of the task whose image is changed. Healthy canaries are promoted `promote_after` seconds, None
    leaves that to a person; `revert_on_failure` takes a failed rollout back where Nomad does not.
    """

    name: str
    registry: str
    repository: Repository
    place: JobPlace
    task: str
    group: str | None = None
    deploy_by: DeployBy = DeployBy.DIGEST
    observe_only: bool = False
    promote_after: float | None = None
    revert_on_failure: bool = True
