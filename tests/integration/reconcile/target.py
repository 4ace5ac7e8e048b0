"""One target with one watch in an empty database, its rollouts, and what a test reads of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.services.reconcile.claim import Claim

LEASE = 30.0
AT = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 10)]
D1, D2, D3 = (f"sha256:{digit * 64}" for digit in "123")
_TARGET = """
INSERT INTO targets (region, namespace, job_id, inspect_job, due_at) VALUES ('', 'default', $1, false, now())
RETURNING target_id
"""
_WATCH = """
INSERT INTO watches (name, target_id, registry, repository_host, repository_path, task, deploy_by, observe_only,
  position) VALUES ($1, $2, 'main', 'registry.example', 'team/' || $1, 'server', 'digest', false, 1)
"""
_ROLLOUT = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, expected_index, changes) VALUES ($1, $2, $3, $4, 7, $5)
"""
ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, message)
VALUES ($1, $2, 'v1.1.0', $3, true, 'it follows')
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
KEY = "app/server"
IMAGE = "registry.example/team/app:v1.1.0"
CHANGES: list[dict[str, Any]] = [{"key": KEY, "watch": "app", "image": IMAGE, "identity": f"{IMAGE}@{D2}"}]


@dataclass(frozen=True, slots=True)
class Around:
    """A database with targets, and their store."""

    database: Database

    @property
    def store(self) -> PostgresTargets:
        return PostgresTargets(self.database)

    async def add(self, name: str = "app") -> int:
        """A target that is due, with a watch of its name; returns its id."""
        target_id = int(await self.value(_TARGET, name))
        await self.run(_WATCH, name, target_id)
        return target_id

    async def add_rollout(self, target_id: int, *, number: int = 1, origin: str = "rule", watch: str = "app") -> UUID:
        """An open rollout with a patch for index 7."""
        await self.run(_ROLLOUT, UUID(int=number), target_id, number, origin, CHANGES)
        await self.run(ITEM, UUID(int=number), watch, D2)
        return UUID(int=number)

    async def add_ended(self, target_id: int, number: int, *, outcome: str, phase: str, watch: str = "app") -> None:
        """A rollout that was registered at index `number` + 10 and ended."""
        rollout_id = await self.add_rollout(target_id, number=number, watch=watch)
        await self.run(
            "UPDATE rollouts SET state = 'ended', ended_at = now(), outcome = $2, submission_index = intent + 10, "
            "deployment = jsonb_build_object('phase', $3::text) WHERE rollout_id = $1",
            rollout_id,
            outcome,
            phase,
        )

    async def claim(self, target_id: int) -> Claim:
        """The claim of a target that is due and free."""
        claimed = await self.store.claim(target_id, LEASE)
        assert claimed is not None
        return claimed

    async def take_over(self, target_id: int) -> None:
        """Another worker has the lease now, as after its first holder was frozen."""
        await self.run(
            "UPDATE targets SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 hour' "
            "WHERE target_id = $1",
            target_id,
        )

    async def expire(self, target_id: int) -> None:
        """Nobody has renewed the lease."""
        await self.run("UPDATE targets SET lease_until = now() - interval '1 second' WHERE target_id = $1", target_id)

    async def run(self, query: str, *values: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(query, *values)

    async def value(self, query: str, *values: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *values)

    async def row(self, query: str, *values: object) -> dict[str, Any]:
        async with self.database.connection() as connection:
            return dict(await connection.fetchrow(query, *values))

    async def target(self, target_id: int) -> dict[str, Any]:
        """The target's row, with `due_in`, `lease_left` and `wakes`; None for what is not set."""
        return await self.row(
            "SELECT *, extract(epoch FROM due_at - clock_timestamp())::float8 AS due_in, "
            "extract(epoch FROM lease_until - clock_timestamp())::float8 AS lease_left, "
            "(SELECT count(*) FROM wakes w WHERE w.target_id = t.target_id) AS wakes "
            "FROM targets t WHERE target_id = $1",
            target_id,
        )
