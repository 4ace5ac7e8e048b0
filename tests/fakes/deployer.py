"""A Nomad of one job that only reads and plans: what a person's word asks of a Deployer."""

from dataclasses import dataclass, field

from app.domain.job import JobPatch, JobState, Preview
from app.domain.watch import JobPlace


@dataclass
class PlanningDeployer:
    """`job` is every job; `trouble` is raised instead of an answer; `orders` are those that were planned."""

    job: JobState | None = None
    plan: Preview = field(default_factory=Preview)
    trouble: Exception | None = None
    patches: list[JobPatch] = field(default_factory=list)

    async def inspect(self, place: JobPlace) -> JobState | None:
        if self.trouble is not None:
            raise self.trouble
        return self.job

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        self.patches.append(patch)
        return self.plan
