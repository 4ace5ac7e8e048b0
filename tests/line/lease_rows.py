"""Leases of targets."""

from dataclasses import dataclass

from tests.line.tables import Tables


@dataclass(frozen=True)
class LeaseRows(Tables):
    """The leases of a line; "" means every job's."""

    async def lease_to_another(self, job: str = "") -> None:
        """Lease the target to another process for an hour."""
        await self.execute(
            "UPDATE targets SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 hour' "
            "WHERE $1 IN ('', job_id)",
            job,
        )

    async def lease_to_another_while_due(self, job: str) -> None:
        """Make the target due and lease it to another process for an hour."""
        await self.execute("UPDATE targets SET due_at = now() WHERE job_id = $1", job)
        await self.lease_to_another(job)

    async def release_leases(self) -> None:
        """Release every lease."""
        await self.execute("UPDATE targets SET lease_token = NULL, lease_until = NULL")

    async def expire_leases(self, job: str = "") -> None:
        """Let every lease expire, as when its holder was frozen."""
        await self.execute("UPDATE targets SET lease_until = now() - interval '1 second' WHERE $1 IN ('', job_id)", job)

    async def is_leased(self) -> bool:
        """Whether any target is under lease now."""
        return bool(await self.fetch("SELECT 1 FROM targets WHERE lease_until > clock_timestamp()"))
