"""Rows of watches: their rule, their decision, and what is recorded of the images that they ran."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.line.tables import Tables


@dataclass(frozen=True)
class WatchRows(Tables):
    """The watches of a line, and their decisions. Methods without a name expect a single watch."""

    async def decision(self, name: str) -> tuple[str, str]:
        """(reason, message) of the watch's current decision, both "" before the first."""
        rows = await self.fetch(
            "SELECT reason, message FROM decisions JOIN watches USING (decision_id) WHERE name = $1", name
        )
        return (rows[0]["reason"], rows[0]["message"]) if rows else ("", "")

    async def hold_and_decision(self, name: str) -> tuple[str, str]:
        """The decision's short form, as stored on the watch and as stored on the decision."""
        (row,) = await self.fetch(
            "SELECT hold, coalesce(CASE kind WHEN 'hold' THEN reason ELSE kind END, '') AS said "
            "FROM watches LEFT JOIN decisions USING (decision_id) WHERE name = $1",
            name,
        )
        return row["hold"], row["said"]

    async def decisions(self) -> list[tuple[int, str, str]]:
        """(id, kind, reason) of every decision, oldest first."""
        rows = await self.fetch("SELECT decision_id, kind, reason FROM decisions ORDER BY decision_id")
        return [tuple(row) for row in rows]

    async def decision_counts(self) -> list[tuple[int, int]]:
        """(id, number of reconciles with this result) of every decision, oldest first."""
        return [
            tuple(row) for row in await self.fetch("SELECT decision_id, reconciles FROM decisions ORDER BY decision_id")
        ]

    async def rule(self) -> tuple[str, bool]:
        """(pinned tag, auto deploy)."""
        (row,) = await self.fetch("SELECT pinned_tag, auto_deploy FROM watches")
        return row["pinned_tag"], row["auto_deploy"]

    async def desired(self) -> tuple[str, str]:
        """The desired (tag, digest)."""
        (row,) = await self.fetch("SELECT desired_tag, desired_digest FROM watches")
        return row["desired_tag"], row["desired_digest"]

    async def expected(self) -> dict[str, str]:
        """The image that our last rollout left in each task."""
        return dict(await self.value("SELECT expected FROM watches"))

    async def digests(self) -> dict[str, str]:
        """The digest that each image stands for."""
        return dict(await self.value("SELECT digests FROM watches"))

    async def digest_tags(self, name: str) -> dict[str, str]:
        """The tag that each digest was deployed by."""
        return dict(await self.value("SELECT digest_tags FROM watches WHERE name = $1", name))

    async def in_flight(self) -> list[dict[str, Any]]:
        """Registrations without a known answer that may still change the job."""
        return list(await self.value("SELECT in_flight FROM watches"))

    async def drifted_at(self) -> datetime | None:
        """When the image was changed outside."""
        found: datetime | None = await self.value("SELECT drifted_at FROM watches")
        return found

    async def registry_outages(self) -> list[tuple[str, str, datetime | None]]:
        """(watch, outage, since) of the watches whose registry does not answer."""
        rows = await self.fetch(
            "SELECT name, outage, outage_since FROM watches WHERE outage <> '' OR outage_since IS NOT NULL"
        )
        return [tuple(row) for row in rows]

    async def missing_image(self) -> tuple[str, datetime | None]:
        """The running digest that its registry no longer has, and since when."""
        (row,) = await self.fetch("SELECT missing_image, missing_image_since FROM watches")
        return row["missing_image"], row["missing_image_since"]

    async def age_missing_image_check(self) -> None:
        """Move the last check of the running image back by 16 minutes."""
        await self.execute(
            "UPDATE watches SET missing_image_checked_at = missing_image_checked_at - interval '16 minutes'"
        )

    async def forget_missing_image_check(self) -> None:
        """Forget the last check of the running image."""
        await self.execute("UPDATE watches SET missing_image_checked_at = NULL")
