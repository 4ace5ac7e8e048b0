"""Rows of targets: when each is due, its queue position, and its outage."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.line.tables import Tables


@dataclass(frozen=True)
class TargetRows(Tables):
    """The targets of a line."""

    async def make_targets_due(self) -> list[int]:
        """Make every target due, with an inspection of its job; returns their ids."""
        rows = await self.fetch(
            "UPDATE targets SET generation = generation + 1, inspect_job = true, due_at = now() RETURNING target_id"
        )
        return [row["target_id"] for row in rows]

    async def make_polls_due(self) -> None:
        """Make every target due to be polled."""
        await self.execute("UPDATE targets SET poll_at = now() - interval '1 second'")

    async def has_due_polls(self) -> bool:
        """Whether any watched target is due to be polled."""
        return bool(
            await self.fetch(
                "SELECT 1 FROM targets t WHERE poll_at <= clock_timestamp() "
                "AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND present)"
            )
        )

    async def has_polls_before_due(self) -> bool:
        """Whether any target is polled before it is due again."""
        return bool(await self.fetch("SELECT 1 FROM targets WHERE poll_at < due_at - interval '1 second'"))

    async def woken_jobs(self) -> list[str]:
        """The jobs of the targets that were woken and not claimed yet."""
        rows = await self.fetch("SELECT job_id FROM wakes JOIN targets USING (target_id)")
        return [row["job_id"] for row in rows]

    async def generations(self) -> list[Any]:
        """(generation, due time) of each target."""
        return await self.fetch("SELECT generation, due_at FROM targets")

    async def requeue_in_an_hour(self) -> None:
        """Make every target due in an hour."""
        await self.execute("UPDATE targets SET due_at = now() + interval '1 hour'")

    async def requeue_queued_in_a_day(self) -> None:
        """Requeue the queued targets a day later, so that they do not check for a slot themselves."""
        await self.execute("UPDATE targets SET due_at = due_at + interval '1 day' WHERE queued_since IS NOT NULL")

    async def queued_count(self) -> int:
        """How many targets have settled as queued for a slot."""
        return int(
            await self.value(
                "SELECT count(*) FROM watches JOIN decisions USING (decision_id) JOIN targets USING (target_id) "
                "WHERE reason = 'queued' AND queued_since IS NOT NULL AND lease_token IS NULL "
                "AND due_at > clock_timestamp()"
            )
        )

    async def is_one_queued(self) -> bool:
        """Whether any target is queued for a slot."""
        return bool(await self.fetch("SELECT 1 FROM targets WHERE queued_since IS NOT NULL"))

    async def age_queued(self, job: str, *, minutes: int) -> None:
        """Let a queued target have waited for that many minutes."""
        await self.execute(
            "UPDATE targets SET queued_since = clock_timestamp() - make_interval(mins => $2) "
            "WHERE job_id = $1 AND queued_since IS NOT NULL",
            job,
            minutes,
        )

    async def target_outage(self) -> tuple[str, datetime | None]:
        """The outage of the only target, and since when."""
        (row,) = await self.fetch("SELECT outage, outage_since FROM targets")
        return row["outage"], row["outage_since"]

    async def age_target_outage(self) -> None:
        """Move the start of every target's outage back by a second."""
        await self.execute("UPDATE targets SET outage_since = outage_since - interval '1 second'")
