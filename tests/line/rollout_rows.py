"""Rows of rollouts, their outcomes and their notifications."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.line.tables import Tables

_NOTIFICATION_OF = {"succeeded": "succeeded", "failed": "failed", "superseded": "superseded"}


@dataclass(frozen=True)
class RolloutRows(Tables):
    """The rollouts of a line, and its notifications."""

    async def rollouts(self) -> list[Any]:
        """Every rollout with all columns, oldest first."""
        return await self.fetch("SELECT * FROM rollouts ORDER BY target_id, intent")

    async def rollout(self, rollout_id: UUID) -> Any:
        """One rollout with all columns."""
        (row,) = await self.fetch("SELECT * FROM rollouts WHERE rollout_id = $1", rollout_id)
        return row

    async def outcome(self, rollout_id: UUID) -> tuple[str, str] | None:
        """(outcome, reason) of the rollout; None while it has not ended."""
        rows = await self.fetch("SELECT outcome, reason FROM rollouts WHERE rollout_id = $1", rollout_id)
        return (rows[0]["outcome"], rows[0]["reason"]) if rows and rows[0]["outcome"] else None

    async def outcomes(self) -> list[str]:
        """The outcomes of the rollouts, oldest first; "" for one that has not ended."""
        return [row["outcome"] or "" for row in await self.rollouts()]

    async def watches_of(self, rollout_id: UUID) -> list[str]:
        """The names of the watches that the rollout changes."""
        rows = await self.fetch(
            "SELECT watch_name FROM rollout_watches WHERE rollout_id = $1 ORDER BY watch_name", rollout_id
        )
        return [row["watch_name"] for row in rows]

    async def outcomes_by_digest(self, watch: str) -> list[tuple[str, str]]:
        """(digest, outcome) of the watch's rollouts that were registered, oldest first."""
        rows = await self.fetch(
            "SELECT digest, outcome FROM rollouts JOIN rollout_watches USING (rollout_id) "
            "WHERE watch_name = $1 AND submission_index IS NOT NULL ORDER BY intent",
            watch,
        )
        return [(row["digest"], row["outcome"]) for row in rows]

    async def next_follow_times(self) -> list[datetime]:
        """When each open rollout is followed next."""
        rows = await self.fetch("SELECT follow_at FROM rollouts WHERE ended_at IS NULL")
        return [row["follow_at"] for row in rows]

    async def make_rollouts_due(self) -> None:
        """Make every rollout due to be followed."""
        await self.execute("UPDATE rollouts SET follow_at = clock_timestamp()")

    async def age_rollouts(self) -> None:
        """Move the submission and the last progress of every rollout back by a day."""
        await self.execute(
            "UPDATE rollouts SET progressed_at = progressed_at - interval '1 day', submitted_at = progressed_at"
        )

    async def have_all_ended(self) -> bool:
        """Whether no rollout is open."""
        return not await self.fetch("SELECT 1 FROM rollouts WHERE ended_at IS NULL OR outcome IS NULL")

    async def rollouts_without_their_notification(self) -> list[dict[str, Any]]:
        """Rollouts that ended without exactly one notification of it."""
        rows = await self.fetch(
            "SELECT rollout_id, outcome, array(SELECT kind FROM notifications n WHERE n.rollout_id = r.rollout_id "
            "AND kind = ANY($1)) AS kinds FROM rollouts r",
            ["succeeded", "failed", "superseded", "ended"],
        )
        return [dict(row) for row in rows if row["kinds"] != [_NOTIFICATION_OF.get(row["outcome"], "ended")]]

    async def notifications(self, *kinds: str) -> list[str]:
        """Headlines and details of the notifications of these kinds, oldest first."""
        rows = await self.fetch(
            "SELECT headline || ': ' || detail AS told FROM notifications "
            "WHERE kind = ANY($1) ORDER BY notification_id",
            list(kinds),
        )
        return [row["told"] for row in rows]
