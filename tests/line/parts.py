"""The parts of an open line, and how a test waits for a condition."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.adapters.postgres.database.pool import Database
from app.domain.watch import Watch
from app.services.commands.watches import Operator
from app.services.reconcile.reconciler import Reconciler
from app.services.rollout.follow import Follower
from app.simulators.nomad import Simulator
from app.simulators.registry import LocalRegistry
from tests.fakes.waker import InProcessWaker
from tests.line.rows import Rows

PATIENCE = 90.0  # seconds for work that takes milliseconds on an idle machine


@dataclass(kw_only=True)
class Parts:
    """The running line and everything that a test controls it with."""

    database: Database
    registry: LocalRegistry
    registry_url: str
    nomad: Simulator
    waker: InProcessWaker
    reconciler: Reconciler
    follower: Follower
    operator: Operator
    watches: tuple[Watch, ...] = ()
    refusals: int = 0
    """How often a delivery could not be stored, and was sent again."""

    @property
    def host(self) -> str:
        """The registry's `host:port`, as it is written in jobs."""
        return self.registry_url.partition("://")[2]

    @property
    def rows(self) -> Rows:
        """The rows of the tables behind the stores."""
        return Rows(self.database)

    async def until(self, condition: Callable[[], Any], what: str, *, within: float = PATIENCE) -> Any:
        """Wait until the condition (plain or async) is true. Fails with `what` after `within` seconds."""
        deadline = asyncio.get_running_loop().time() + within
        pause = 0.01
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value, pause = await value, 0.05  # it asks Postgres, which would have no time left for the line
            if value:
                return value
            if asyncio.get_running_loop().time() > deadline:
                told = {"ledger": self._ledger(), **await self.rows.describe()}
                raise AssertionError(f"not within {within} s: {what}; {told}")
            await asyncio.sleep(pause)

    def _ledger(self) -> list[tuple[str, list[str]]]:
        return [(entry.job, sorted(entry.images.values())) for entry in self.nomad.ledger.entries()][-5:]
