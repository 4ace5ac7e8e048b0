"""Deployers for tests that need few methods: one that fails the test when it is called, and one that plans."""

from dataclasses import dataclass, field

from app.domain.deployment import Diagnosis, Snapshot, WaitIndex
from app.domain.job import JobPatch, JobState, Preview, Submission
from app.domain.watch import JobPlace


class UnusedDeployer:
    """A Deployer that must not be called. A fake derives from it and implements the methods that its test needs."""

    async def inspect(self, place: JobPlace) -> JobState | None:
        raise AssertionError("inspect")

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        raise AssertionError("preview")

    async def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        raise AssertionError("submit")

    async def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        raise AssertionError("recover")

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        raise AssertionError("observe")

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        raise AssertionError("moved")

    async def find_auto_revert(self, place: JobPlace, submission: Submission) -> Submission | None:
        raise AssertionError("returned")

    async def find_successor(self, place: JobPlace, submission: Submission, patch: JobPatch) -> Submission | None:
        raise AssertionError("find_successor")

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        raise AssertionError("diagnose")

    async def promote(self, place: JobPlace, deployment_id: str) -> None:
        raise AssertionError("promote")

    async def fail(self, place: JobPlace, deployment_id: str) -> None:
        raise AssertionError("fail")


@dataclass
class PlanningDeployer(UnusedDeployer):
    """What a command needs of a Nomad with one job.

    `job` is every job; `outage` is raised instead of an answer; `orders` are the planned patches.
    """

    job: JobState | None = None
    plan: Preview = field(default_factory=Preview)
    outage: Exception | None = None
    patches: list[JobPatch] = field(default_factory=list)

    async def inspect(self, place: JobPlace) -> JobState | None:
        if self.outage is not None:
            raise self.outage
        return self.job

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        self.patches.append(patch)
        return self.plan
