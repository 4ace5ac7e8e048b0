"""Reads for the API and the pages: the number of statements does not depend on the number of watches. Changes
nothing."""

from typing import Any
from uuid import UUID

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.processes.work import read_work
from app.adapters.postgres.views import view_rows as rows
from app.adapters.postgres.views import view_statements as statements
from app.services.processes.standstill import standstill
from app.services.views.queries import RolloutSummary, RolloutView, SystemOutage, WatchView

_ALL = f"{statements.WATCHES} ORDER BY w.position, w.name"

_ONE = f"{statements.WATCHES} AND w.name = $2"

_NEWEST = f"{statements.ROLLOUTS} ORDER BY created_at DESC, rollout_id LIMIT $1"

_ROLLOUT = f"{statements.ROLLOUTS} WHERE rollout_id = $1"

_PLACE = "SELECT region, namespace, job_id FROM targets WHERE target_id = $1"

_ITEMS = "SELECT * FROM rollout_watches WHERE rollout_id = $1 ORDER BY watch_name"


class PostgresQueries:
    """`Queries` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def watches(self) -> tuple[WatchView, ...]:
        """Every configured watch, in one statement."""
        async with self._database.connection() as connection:
            return tuple(rows.watch_view(row) for row in await connection.fetch(_ALL, True))

    async def watch(self, name: str) -> WatchView | None:
        """One configured watch, in one statement."""
        if "\0" in name:  # no name has it, and Postgres refuses it
            return None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ONE, True, name)
        return rows.watch_view(row) if row is not None else None

    async def rollouts(self, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The newest rollouts, in one statement."""
        async with self._database.connection() as connection:
            return tuple(rows.rollout_line(row) for row in await connection.fetch(_NEWEST, limit))

    async def rollout(self, rollout_id: UUID) -> RolloutView | None:
        """One rollout, in three statements."""
        async with self._database.connection() as connection:
            row: Any = await connection.fetchrow(_ROLLOUT, rollout_id)
            if row is None:
                return None
            place = await connection.fetchrow(_PLACE, row["target_id"])
            items = await connection.fetch(_ITEMS, rollout_id)
        return rows.rollout_view(row, target=place, items=items)

    async def outages(self) -> tuple[SystemOutage, ...]:
        """Outages, and work that makes no progress, in three statements."""
        async with self._database.connection() as connection:
            outages = await connection.fetch(statements.OUTAGES)
            work = await read_work(connection)
        return (*(rows.outages(row) for row in outages), *standstill(work))
