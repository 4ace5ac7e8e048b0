"""Workers that freeze in the middle of a reconcile, like a stopped process or a paused machine."""

import asyncio
from dataclasses import replace
from typing import Any

from app.services.reconcile.reconcile import reconcile
from tests.line import Line


class Frozen:
    """A port whose callers freeze in one method until it is thawed: before the call, or with its answer."""

    def __init__(self, port: Any, method: str, *, before: bool) -> None:
        self._port = port
        self._method = method
        self._before = before
        self.reached = asyncio.Event()
        self.thawed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        if name != self._method:
            return call

        async def frozen(*values: Any, **named: Any) -> Any:
            if self._before:
                await self._stand_still()
            answer = await call(*values, **named)
            if not self._before:
                await self._stand_still()
            return answer

        return frozen

    async def _stand_still(self) -> None:
        self.reached.set()
        await self.thawed.wait()


async def frozen_in_submit(running: Line, *, before: bool) -> tuple[Frozen, asyncio.Task[bool]]:
    """A worker that reconciles the only target first, and stays frozen past its lease."""
    deployer = Frozen(running.reconciler.deployer, "submit", before=before)
    (target_id,) = await running.make_due()
    late = asyncio.create_task(reconcile(replace(running.reconciler, deployer=deployer), target_id))
    await deployer.reached.wait()
    await running.rows.expire_leases()
    return deployer, late
