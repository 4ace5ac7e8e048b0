"""A watch: a repository, how it is deployed, and its place in Nomad."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.reference import Repository


class DeployBy(StrEnum):
    """What a rollout writes into the job: the digest (same bytes everywhere, the default) or the tag alone."""

    DIGEST = "digest"
    TAG = "tag"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class JobPlace:
    """A job's place in Nomad. An empty region is the agent's own."""

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
    """One entry of `repo_map`, as configured. The rule (pinned_tag, auto_deploy) is state and is stored in Postgres.

    `registry` names the registry_map entry. `task` is the task whose image is changed; `group` None means every group
    that has this task. Canaries that were healthy for `promote_after` seconds are promoted; None leaves that to a
    person. With `revert_on_failure` a failed rollout is undone if Nomad does not revert it.
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
