"""The place of a job in Nomad, from a row with a target's columns."""

from app.adapters.postgres.database.pool import Row
from app.domain.watch import JobPlace


def place(row: Row) -> JobPlace:
    """The place from the columns `region`, `namespace` and `job_id`."""
    return JobPlace(region=row["region"], namespace=row["namespace"], job_id=row["job_id"])
