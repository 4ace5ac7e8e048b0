"""Keep a lease while a look runs: renew it in the background, and stop when it was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.errors import StoreUnavailable
from app.services.target import Claim, Looks


@asynccontextmanager
async def held(looks: Looks, claim: Claim, seconds: float) -> AsyncIterator[None]:
    """Renew the claim's lease three times within its length until the block ends.

    A lost lease is not signalled here: every write is fenced by the lease itself, and raises LeaseLost.
    """
    keeper = asyncio.create_task(_keep(looks, claim, seconds))
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _keep(looks: Looks, claim: Claim, seconds: float) -> None:
    held_on = True
    while held_on:
        await asyncio.sleep(seconds / 3)
        with suppress(StoreUnavailable):
            held_on = await looks.renew(claim, seconds)
