"""Time in a line: makes targets due now."""

from dataclasses import dataclass

from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.services.wakeup.wake import RECONCILE
from tests.line.parts import Parts


@dataclass(kw_only=True)
class Clock(Parts):
    """A line whose targets the test makes due."""

    async def poll(self) -> None:
        """Make the fallback poller find every target due now."""
        await self.rows.make_polls_due()
        # The poller skips a locked target and finds it a moment later.
        while await self.rows.has_due_polls():
            for target_id in await PostgresSchedule(self.database).due_for_poll(interval=60, limit=1000):
                self.waker.wake(RECONCILE, str(target_id))

    async def make_due(self) -> list[int]:
        """Make every target due, with an inspection of its job, without waking anybody; returns their ids."""
        return await self.rows.make_targets_due()

    async def make_due_and_wake(self) -> None:
        """Make every target due, with an inspection of its job, and wake its reconcile."""
        for target_id in await self.make_due():
            self.waker.wake(RECONCILE, str(target_id))

    async def let_pass(self, seconds: float) -> None:
        """Advance time in Postgres: targets due within `seconds` are due now, and deliveries are older."""
        for target_id in await self.rows.let_pass(seconds):
            self.waker.wake(RECONCILE, str(target_id))
