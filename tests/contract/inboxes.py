"""The inboxes that the contract runs on, and how a test arranges and inspects what stands around each."""

from dataclasses import dataclass
from typing import Protocol

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.services.ingest.receive import Inbox
from tests.fakes.inbox import KnownWatch, MemoryInbox


class Around(Protocol):
    """An inbox, with the watches it knows and the marks it leaves."""

    @property
    def inbox(self) -> Inbox: ...

    async def add_watch(self, name: str, *, host: str, path: str, job: str = "", present: bool = True) -> int:
        """Add a watch and return its target's id; watches of one `job` share a target."""
        ...

    async def generations(self) -> dict[int, int]:
        """How often each target came due by a delivery; the others are left out."""
        ...

    async def unknown(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class InMemory:
    inbox: MemoryInbox
    jobs: dict[str, int]

    async def add_watch(self, name: str, *, host: str, path: str, job: str = "", present: bool = True) -> int:
        target_id = self.jobs.setdefault(job or name, len(self.jobs) + 1)
        self.inbox.watches.append(KnownWatch(name=name, target_id=target_id, host=host, path=path, present=present))
        return target_id

    async def generations(self) -> dict[int, int]:
        return dict(self.inbox.generations)

    async def unknown(self) -> list[str]:
        return sorted(self.inbox.unknown)


_ADD_TARGET = """
INSERT INTO targets (region, namespace, job_id, inspect_job) VALUES ('', 'default', $1, false)
ON CONFLICT (region, namespace, job_id) DO UPDATE SET region = '' RETURNING target_id
"""
_ADD_WATCH = """
INSERT INTO watches (name, target_id, registry, repository_host, repository_path, task, deploy_by, observe_only,
                     position, present)
VALUES ($1, $2, 'main', $3, $4, 'web', 'digest', false, 1, $5)
"""


@dataclass(frozen=True, slots=True)
class InPostgres:
    inbox: PostgresInbox
    database: Database

    async def add_watch(self, name: str, *, host: str, path: str, job: str = "", present: bool = True) -> int:
        async with self.database.connection() as connection:
            target_id: int = await connection.fetchval(_ADD_TARGET, job or name)
            await connection.execute(_ADD_WATCH, name, target_id, host, path, present)
        return target_id

    async def generations(self) -> dict[int, int]:
        query = "SELECT target_id, count(*) AS wakes FROM wakes GROUP BY target_id"
        async with self.database.connection() as connection:
            return {row["target_id"]: row["wakes"] for row in await connection.fetch(query)}

    async def unknown(self) -> list[str]:
        async with self.database.connection() as connection:
            return [row["source"] for row in await connection.fetch("SELECT source FROM unknown_sources ORDER BY 1")]
