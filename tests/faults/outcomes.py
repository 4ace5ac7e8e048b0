"""Reads from our own tables when a rollout ended, and which targets have no work left.

It is used to pace tests and for the time of an end. Whether a deploy was right is checked by the ledger only.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import asyncpg

from tests.cluster import until

_EVERY = 0.1
_LATE = 60.0  # seconds by which an end may be committed after its time

_ENDED = """
SELECT DISTINCT digest, extract(epoch FROM ended_at)::float8 AS ended_at
FROM rollouts JOIN rollout_watches USING (rollout_id) WHERE outcome = 'succeeded' AND ended_at > to_timestamp($1)
"""

_QUIET = """
SELECT job_id FROM targets t WHERE due_at IS NULL AND (lease_until IS NULL OR lease_until < clock_timestamp())
  AND NOT EXISTS (SELECT FROM wakes WHERE wakes.target_id = t.target_id)
  AND NOT EXISTS (SELECT FROM rollouts r WHERE r.target_id = t.target_id AND ended_at IS NULL)
"""


class Outcomes:
    """The last result of one query for all waiting tests; `reads` counts the queries."""

    def __init__(self) -> None:
        self.quiet: frozenset[str] = frozenset()
        self.reads = 0
        self._ended: dict[str, float] = {}

    def ended_at(self, digest: str) -> float:
        """Unix time of the success of the digest's rollout; 0.0 before that."""
        return self._ended.get(digest, 0.0)

    async def settled(self, names: Iterable[str], *, within: float = 90) -> None:
        """Wait until these jobs have no work left: no further registrations will come."""
        desired = frozenset(names)
        await until(lambda: self.quiet >= desired, lambda: f"nothing under way: {desired - self.quiet}", within=within)

    async def read(self, connection: asyncpg.Connection) -> None:
        """Read again. Quiet jobs are read first: rollouts that had ended by then are included."""
        quiet = await connection.fetch(_QUIET)
        since = max(self._ended.values(), default=_LATE) - _LATE
        self._ended |= {row["digest"]: row["ended_at"] for row in await connection.fetch(_ENDED, since)}
        self.quiet = frozenset(row["job_id"] for row in quiet)
        self.reads += 1


@asynccontextmanager
async def reading(database_url: str) -> AsyncIterator[Outcomes]:
    """Outcomes that stay current inside the block."""
    outcomes = Outcomes()
    connection = await asyncpg.connect(database_url)

    async def read_forever() -> None:
        while True:
            await outcomes.read(connection)
            await asyncio.sleep(_EVERY)

    task = asyncio.create_task(read_forever())
    try:
        yield outcomes
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await connection.close()
