"""Keep a lease while a look runs: renew it in the background, and stop when it was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.services.processes.loops import Loop
from app.services.reconcile.targets import Claim, Targets


@asynccontextmanager
async def held(targets: Targets, claim: Claim, seconds: float) -> AsyncIterator[None]:
    """Renew the claim's lease three times within its length until the block ends.

    A lost lease is not signalled here: every write is fenced by the lease itself, and raises LeaseLost.
    """
    keeper = asyncio.create_task(_keep(targets, claim, seconds))
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _keep(targets: Targets, claim: Claim, seconds: float) -> None:
    async def turn() -> float | None:
        return seconds / 3 if await targets.renew(claim, seconds) else None

    # Whatever fails is tried again well before the lease runs out: without it every write of the look is void.
    keeping = Loop("lease", retry=seconds / 10, retry_at_most=seconds / 5, bound=seconds / 2, quiet=True)
    await keeping.run(turn, after=seconds / 3)
