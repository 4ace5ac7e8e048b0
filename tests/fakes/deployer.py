"""Deployers for tests that need few of its methods: one that fails the test when it is called, and one that plans."""

from dataclasses import dataclass, field

from app.domain.job import Diagnosis, JobState, Order, Pointer, Preview, Snapshot, Submission
from app.domain.watch import JobPlace


class UnusedDeployer:
    """A Deployer that nobody may call; a fake derives from it and has the methods that its test needs."""

    async def inspect(self, place: JobPlace) -> JobState | None:
        raise AssertionError("inspect")

    async def preview(self, place: JobPlace, order: Order) -> Preview:
        raise AssertionError("preview")

    async def submit(self, place: JobPlace, order: Order) -> Submission:
        raise AssertionError("submit")

    async def recover(self, place: JobPlace, order: Order) -> Submission | None:
        raise AssertionError("recover")

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        raise AssertionError("observe")

    async def moved(self, place: JobPlace, pointer: Pointer, *, within: float) -> None:
        raise AssertionError("moved")

    async def returned(self, place: JobPlace, submission: Submission) -> Submission | None:
        raise AssertionError("returned")

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        raise AssertionError("diagnose")

    async def promote(self, place: JobPlace, deployment_id: str) -> None:
        raise AssertionError("promote")

    async def fail(self, place: JobPlace, deployment_id: str) -> None:
        raise AssertionError("fail")


@dataclass
class PlanningDeployer(UnusedDeployer):
    """What a person's command asks of a Nomad with one job.

    `job` is every job; `trouble` is raised instead of an answer; `orders` are those that were planned."""

    job: JobState | None = None
    plan: Preview = field(default_factory=Preview)
    trouble: Exception | None = None
    orders: list[Order] = field(default_factory=list)

    async def inspect(self, place: JobPlace) -> JobState | None:
        if self.trouble is not None:
            raise self.trouble
        return self.job

    async def preview(self, place: JobPlace, order: Order) -> Preview:
        self.orders.append(order)
        return self.plan
