"""Keep a lease while a reconcile runs: renew it in the background, and stop if it was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.services.processes.loops import Loop
from app.services.reconcile.claim import Claim
from app.services.reconcile.targets import Targets


@asynccontextmanager
async def held(targets: Targets, claim: Claim, seconds: float) -> AsyncIterator[None]:
    """Renew the claim's lease every third of its length until the block ends.

    This does not report a lost lease: every write is fenced by the lease, and raises LeaseLost.
    """
    keeper = asyncio.create_task(_keep(targets, claim, seconds))
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _keep(targets: Targets, claim: Claim, seconds: float) -> None:
    async def renew() -> float | None:
        return seconds / 3 if await targets.renew(claim, seconds) else None

    # A failed renewal is tried again well before the lease expires: without it all writes of the reconcile are void.
    keeping = Loop("lease", retry=seconds / 10, retry_at_most=seconds / 5, bound=seconds / 2, quiet=True)
    await keeping.run(renew, after=seconds / 3)
