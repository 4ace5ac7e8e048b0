"""Gives the database of a local start its schema, before our processes use it.

It must not know how: the caller gives the function that migrates.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from app.errors import Permanent, StoreUnavailable

Migrate = Callable[[str], Awaitable[object]]
Tell = Callable[[str], None]

_RETRY = 1.0  # seconds


@asynccontextmanager
async def migrated(migrate: Migrate, database_url: str, tell: Tell, *, retry: float = _RETRY) -> AsyncIterator[None]:
    """Migrate, then run the block. While the database is away the block runs too, and the migration is tried again.

    Raises SchemaMismatch at once if the database cannot have this program's schema.
    """
    problem = await _problem(migrate, database_url)
    if not problem:
        yield
        return
    tell(problem)
    trying = asyncio.create_task(_try_again(migrate, database_url, tell, problem, retry))
    try:
        yield
    finally:
        trying.cancel()
        with suppress(asyncio.CancelledError):
            await trying


async def _try_again(migrate: Migrate, database_url: str, tell: Tell, told: str, retry: float) -> None:
    """Migrate as soon as the database answers. Each problem is told once; our processes report an outage themselves."""
    while True:
        await asyncio.sleep(retry)
        try:
            problem = await _problem(migrate, database_url)
        except Permanent as error:
            tell(str(error))
            return
        if problem not in ("", told):
            tell(problem)
        if not problem:
            tell("the database has its schema now")
            return
        told = problem


async def _problem(migrate: Migrate, database_url: str) -> str:
    """Why the database is not migrated yet; "" if it is."""
    try:
        await migrate(database_url)
    except StoreUnavailable as error:
        return str(error)
    return ""
