"""Rows of webhook events, and of the digests and tags that were found."""

from dataclasses import dataclass
from typing import Any

from tests.line.tables import Tables

_PREDECESSOR = """
CREATE TABLE deployed_repository_version (
  repository_name character varying NOT NULL PRIMARY KEY UNIQUE,
  pinned_tag character varying NOT NULL,
  auto_deploy boolean NOT NULL default true)
"""


@dataclass(frozen=True)
class EventRows(Tables):
    """The events, found digests and failures of a line."""

    async def found_digests(self) -> list[tuple[str, str]]:
        """(tag, found by) of every digest that was ever desired, in the order of discovery."""
        rows = await self.fetch("SELECT tag, found_by FROM found_digests ORDER BY first_found_at")
        return [tuple(row) for row in rows]

    async def was_found(self, digest: str) -> bool:
        """Whether the digest was ever desired."""
        return bool(await self.fetch("SELECT 1 FROM found_digests WHERE digest = $1", digest))

    async def found_tags(self) -> list[Any]:
        """(tag, first_found_at) of every tag that appeared, by tag."""
        return await self.fetch("SELECT tag, first_found_at FROM found_tags ORDER BY tag")

    async def answers(self) -> list[Any]:
        """(attempts, settled_at, answer) of every event for a watch."""
        return await self.fetch("SELECT attempts, settled_at, answer FROM event_watches ORDER BY event_id")

    async def has_open_events(self) -> bool:
        """Whether an event has no answer yet."""
        return bool(await self.fetch("SELECT 1 FROM event_watches WHERE settled_at IS NULL"))

    async def settle_events(self) -> None:
        """Mark every event as answered."""
        await self.execute("UPDATE event_watches SET settled_at = clock_timestamp()")

    async def answer_events(self, answer: str) -> None:
        """Give every event this answer."""
        await self.execute("UPDATE event_watches SET answer = $1", answer)

    async def has_failures(self) -> bool:
        """Whether any digest is held as failed, or was released."""
        return bool(await self.fetch("SELECT 1 FROM failures"))

    async def add_failure(self, watch: str, digest: str) -> None:
        """Hold the digest as failed."""
        await self.execute("INSERT INTO failures SELECT $1, $2, gen_random_uuid()", watch, digest)

    async def has_audit_entries(self) -> bool:
        """Whether the audit log has any entry."""
        return bool(await self.fetch("SELECT 1 FROM audit_log"))

    async def add_predecessors_rule(self, watch: str, *, pinned_tag: str, auto_deploy: bool) -> None:
        """Create the Go service's table, with its rule for the watch."""
        await self.execute(_PREDECESSOR)
        statement = "INSERT INTO deployed_repository_version VALUES ($1, $2, $3)"
        await self.execute(statement, watch, pinned_tag, auto_deploy)
