"""Time in a line: what falls due now, or would only later."""

from dataclasses import dataclass

from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.services.wakeup.wake import RECONCILE
from tests.line.parts import Parts


@dataclass(kw_only=True)
class Clock(Parts):
    """A line whose targets are made due by the test."""

    async def poll(self) -> None:
        """Let the fallback poller find every target due now."""
        await self.rows.make_polls_due()
        # One that is being written to is passed over, and found a moment later.
        while await self.rows.has_due_polls():
            for target_id in await PostgresSchedule(self.database).due_for_poll(interval=60, limit=1000):
                self.waker.wake(RECONCILE, str(target_id))

    async def make_due(self) -> list[int]:
        """Make every target due for a thorough look, without telling anybody; returns their ids."""
        return await self.rows.make_targets_due()

    async def make_due_and_wake(self) -> None:
        """Make every target due for a thorough look, and ring for it."""
        for target_id in await self.make_due():
            self.waker.wake(RECONCILE, str(target_id))

    async def let_pass(self, seconds: float) -> None:
        """Let time pass in Postgres: what is due within `seconds` is due now, and what was received is older."""
        for target_id in await self.rows.let_pass(seconds):
            self.waker.wake(RECONCILE, str(target_id))
