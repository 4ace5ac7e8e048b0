"""The rows of the tables behind the stores, in one place for tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.line.event_rows import EventRows
from tests.line.lease_rows import LeaseRows
from tests.line.rollout_rows import RolloutRows
from tests.line.target_rows import TargetRows
from tests.line.watch_rows import WatchRows
from tests.requeue_delays import READ, recorded


@dataclass(frozen=True)
class Rows(TargetRows, LeaseRows, WatchRows, EventRows, RolloutRows):
    """The rows of a line's database."""

    async def is_quiet(self) -> bool:
        """Whether nothing is due, nothing is under lease and no rollout is open."""
        return not await self.value(
            "SELECT (SELECT count(*) FROM targets WHERE due_at IS NOT NULL OR lease_until > clock_timestamp()) "
            "+ (SELECT count(*) FROM wakes) "
            "+ (SELECT count(*) FROM rollouts WHERE ended_at IS NULL)"
        )

    async def is_quiet_for_now(self) -> bool:
        """Whether nothing is due now; something may be due later."""
        return not await self.fetch(
            "SELECT 1 FROM targets WHERE due_at <= clock_timestamp() OR lease_until > clock_timestamp() "
            "UNION ALL SELECT 1 FROM wakes"
        )

    async def let_pass(self, seconds: float) -> list[int]:
        """Advance time: targets due within `seconds` are due now, deliveries are older. Returns those targets."""
        await self.execute("UPDATE deliveries SET received_at = received_at - make_interval(secs => $1)", seconds)
        rows = await self.fetch(
            "UPDATE targets SET due_at = clock_timestamp(), poll_at = poll_at - make_interval(secs => $1), "
            "outage_since = outage_since - make_interval(secs => $1) "
            "WHERE due_at <= clock_timestamp() + make_interval(secs => $1) RETURNING target_id",
            seconds,
        )
        return [row["target_id"] for row in rows]

    async def record_requeue_delays(self, column: str) -> None:
        """From now on, record each change of that column of targets to a later time than now."""
        for statement in recorded("targets", column):
            await self.execute(statement)

    async def requeue_delays(self) -> list[float]:
        """The recorded delays, in seconds."""
        return [row["seconds"] for row in await self.fetch(READ)]

    async def under_way(self) -> list[Any]:
        """The targets that are due, leased or rolled out, each with its decision and its open rollout."""
        return await self.fetch(
            "SELECT t.job_id, t.due_at, t.lease_until, t.outage, d.message, r.* FROM targets t "
            "JOIN watches w USING (target_id) LEFT JOIN decisions d USING (decision_id) "
            "LEFT JOIN rollouts r ON r.target_id = t.target_id AND r.ended_at IS NULL "
            "WHERE t.due_at IS NOT NULL OR t.lease_until > clock_timestamp() OR r.rollout_id IS NOT NULL"
        )

    async def describe(self) -> Mapping[str, Any]:
        """The state of the line, to explain a failed wait."""
        statements = {
            "targets": "SELECT job_id, due_at, lease_until, outage FROM targets",
            "decisions": "SELECT watch_name, reason, message, reconciles FROM decisions ORDER BY decision_id",
            "rollouts": "SELECT state, outcome, reason, note FROM rollouts",
            "outages": "SELECT name, outage FROM watches WHERE outage <> ''",
        }
        return {
            name: [tuple(row) for row in await self.fetch(statement)][-8:] for name, statement in statements.items()
        }
