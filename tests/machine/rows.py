"""The rows behind the machine: emptied for a new run, moved in time, and read for the invariants."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.line.tables import Tables

_FENCED = (
    "targets",
    "watches",
    "found_digests",
    "failures",
    "decisions",
    "rollouts",
    "rollout_watches",
    "event_watches",
)


@dataclass(frozen=True)
class MachineRows(Tables):
    """The tables of the machine's database."""

    async def empty(self) -> None:
        """Delete every row of a run."""
        async with self.database.connection() as connection:
            names = await connection.fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
                "AND relname NOT LIKE '%migrations%' AND relname <> 'switches' ORDER BY relname"
            )
            await connection.execute(
                f"TRUNCATE {', '.join(row['relname'] for row in names)} RESTART IDENTITY CASCADE;"
                "UPDATE switches SET paused = false"
            )

    async def let_due(self, job: str) -> int:
        """Let time pass until the job's target is due, if it is to be due at all; returns the target's id."""
        await self.execute(
            "UPDATE targets SET due_at = least(due_at, clock_timestamp()) WHERE job_id = $1 AND due_at IS NOT NULL", job
        )
        return int(await self.value("SELECT target_id FROM targets WHERE job_id = $1", job))

    async def let_rollout_due(self, job: str) -> UUID | None:
        """Let time pass until the job's rollout is due to be followed; returns its id, None if none is under way."""
        found: UUID | None = await self.value(
            "UPDATE rollouts SET follow_at = least(follow_at, clock_timestamp()) WHERE state = 'submitted' "
            "AND target_id = (SELECT target_id FROM targets WHERE job_id = $1) RETURNING rollout_id",
            job,
        )
        return found

    async def expire_leases(self) -> None:
        """Let every lease expire."""
        for table in ("targets", "rollouts"):
            await self.execute(
                f"UPDATE {table} SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL"
            )

    async def hear_of(self, job: str) -> None:
        """Make the target due as an event of Nomad does: its job may have changed."""
        await self.execute(
            "UPDATE targets SET generation = generation + 1, inspect_job = true, due_at = clock_timestamp() "
            "WHERE job_id = $1",
            job,
        )

    async def let_polls_pass(self) -> None:
        """Let a day pass, until every target is due to be polled, and its job to be read again."""
        await self.execute(
            "UPDATE targets SET poll_at = clock_timestamp() - interval '1 second', "
            "job_read_at = job_read_at - interval '1 day'"
        )
        await self.execute("UPDATE watches SET missing_image_checked_at = NULL")
        await self.execute("UPDATE deliveries SET received_at = received_at - interval '1 day'")

    async def holders(self) -> set[UUID]:
        """The tokens of the leases that are held now; that of a rollout until another process takes it."""
        rows = await self.fetch(
            "SELECT lease_token FROM targets WHERE lease_until >= clock_timestamp() "
            "UNION SELECT lease_token FROM rollouts WHERE lease_token IS NOT NULL"
        )
        return {row["lease_token"] for row in rows}

    async def contents(self) -> dict[str, list[str]]:
        """Every row of the tables that a lease fences, as text."""
        return {
            name: [str(row["row"]) for row in await self.fetch(f"SELECT {name}::text AS row FROM {name} ORDER BY 1")]
            for name in _FENCED
        }

    async def watches(self) -> list[Any]:
        """Each watch with its job, its current hold and the outage of its target."""
        return await self.fetch(
            "SELECT w.name, w.hold, d.message, d.tag, d.digest, w.expected, t.outage, "
            "t.outage_is_ours, t.due_at, r.rollout_id, r.state, r.note "
            "FROM watches w JOIN targets t USING (target_id) LEFT JOIN decisions d USING (decision_id) "
            "LEFT JOIN rollouts r ON r.target_id = t.target_id AND r.ended_at IS NULL ORDER BY w.name"
        )

    async def last_rollout(self, job: str) -> UUID | None:
        """The id of the job's newest rollout."""
        found: UUID | None = await self.value(
            "SELECT rollout_id FROM rollouts JOIN targets USING (target_id) WHERE job_id = $1 "
            "ORDER BY intent DESC LIMIT 1",
            job,
        )
        return found

    async def open_rollouts(self) -> int:
        """How many rollouts have not ended."""
        return int(await self.value("SELECT count(*) FROM rollouts WHERE ended_at IS NULL"))

    async def unanswered_events(self) -> list[str]:
        """The tags of events that no reconcile has answered."""
        rows = await self.fetch("SELECT tag FROM event_watches JOIN events USING (event_id) WHERE settled_at IS NULL")
        return [row["tag"] for row in rows]

    async def most_open_rollouts(self) -> int:
        """The most rollouts of one target that have not ended."""
        return int(
            await self.value(
                "SELECT coalesce(max(found), 0) FROM (SELECT count(*) AS found FROM rollouts WHERE ended_at IS NULL "
                "GROUP BY target_id) each"
            )
        )

    async def registered_rollouts(self) -> set[UUID]:
        """The rollouts of which it is on record that Nomad has them."""
        rows = await self.fetch("SELECT rollout_id FROM rollouts WHERE submission_index IS NOT NULL")
        return {row["rollout_id"] for row in rows}
