"""A Nomad of one job that only reads and plans: what a person's word asks of a Deployer."""

from dataclasses import dataclass, field

from app.domain.job import JobState, Order, Preview
from app.domain.watch import JobPlace


@dataclass
class PlanningDeployer:
    """`job` is every job; `trouble` is raised instead of an answer; `orders` are those that were planned."""

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
