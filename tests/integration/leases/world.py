"""One target with one watch and a rollout, whose leases a test takes, lets expire and takes again."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.services.config.sync import sync
from app.services.reconcile.claim import Claim
from app.services.rollout.rollouts import LeasedRollout
from tests.fakes.registry import digest_of

WATCH = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="app"),
    task="server",
)
LEASE = 60.0

_TABLES = (
    "targets", "watches", "rollouts", "rollout_watches", "decisions", "found_digests", "failures", "notifications",
    "wakes",
)  # fmt: skip
_ROLLOUT = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, expected_index, changes, submitted_at,
  submission_index, evaluation_id, submission_changed, follow_at, canary_command)
SELECT $1, target_id, 1, 'rule', $2, 10, $3, now(), CASE $2 WHEN 'submitted' THEN 11 END, '', true,
  CASE $2 WHEN 'submitted' THEN now() END, CASE $2 WHEN 'submitted' THEN 'promote' ELSE '' END
FROM targets
"""
_ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, from_tag, from_digest)
VALUES ($1, 'app', 'v1.1.0', $2, false, 'v1.0.0', $3)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The target and the stores of two workers."""

    database: Database
    targets: PostgresTargets
    rollouts: PostgresRollouts
    target_id: int

    async def claim(self, lease: float = LEASE) -> Claim:
        """The lease on the target, which is due and free."""
        claim = await self.targets.claim(self.target_id, lease)
        assert claim is not None
        return claim

    async def claim_rollout(self, rollout_id: UUID, lease: float = LEASE) -> LeasedRollout:
        """The lease on the rollout, which is due and free."""
        rollout = await self.rollouts.claim(rollout_id, lease)
        assert rollout is not None
        return rollout

    async def rollout(self, state: str) -> UUID:
        """A rollout of the rule from v1.0.0 to v1.1.0 in this state, with its patch."""
        rollout_id = uuid4()
        change = {"key": "app/server", "watch": "app", "identity": "team/app:v1.1.0", "image": "team/app:v1.1.0"}
        async with self.database.connection() as connection:
            await connection.execute(_ROLLOUT, rollout_id, state, [change])
            await connection.execute(_ITEM, rollout_id, digest_of("v1.1.0"), digest_of("v1.0.0"))
        return rollout_id

    async def expire(self) -> None:
        """Every lease has expired."""
        async with self.database.connection() as connection:
            for table in ("targets", "rollouts"):
                await connection.execute(f"UPDATE {table} SET lease_until = now() - interval '1 second'")

    async def everything(self) -> dict[str, list[Any]]:
        """All rows that a reconcile or a check of a rollout may write."""
        async with self.database.connection() as connection:
            return {
                table: [row["found"] for row in await connection.fetch(f"SELECT to_jsonb(t) AS found FROM {table} t")]
                for table in _TABLES
            }


async def world(database: Database) -> World:
    """Configure the watch; its target is due."""
    done = await sync(PostgresWatches(database), [WATCH], at_start=True)
    (target_id,) = done.due
    return World(
        database=database,
        targets=PostgresTargets(database),
        rollouts=PostgresRollouts(database),
        target_id=target_id,
    )
