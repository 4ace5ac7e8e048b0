"""The store of followed namespaces: leases by the database's clock, and what their holders found.

Each write names the lease's token, and writes nothing when the lease is over.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.adapters.postgres.database.pool import Database, Row
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.domain.job_change import JobIndexes, Namespace, Registering
from app.domain.notification import of_nomad
from app.services.wakeup.namespaces import (
    Following,
    FollowingLost,
    LeasedNamespace,
    ReadTarget,
    WatchedTarget,
)

_WATCHED = """EXISTS (
  SELECT FROM targets t JOIN watches w USING (target_id)
  WHERE (t.region, t.namespace) = (f.region, f.namespace) AND w.present)"""

_FORGET = f"DELETE FROM namespaces f WHERE NOT {_WATCHED}"

_ADD = """
INSERT INTO namespaces (region, namespace)
SELECT DISTINCT region, namespace FROM targets t JOIN watches w USING (target_id)
WHERE w.present AND NOT EXISTS (
  SELECT FROM namespaces f WHERE (f.region, f.namespace) = (t.region, t.namespace))
ON CONFLICT DO NOTHING
"""

_RENEW = """
UPDATE namespaces f SET lease_until = clock_timestamp() + make_interval(secs => $4),
  heard_index = held.heard_index,
  streaming_at = CASE WHEN held.streaming THEN clock_timestamp() ELSE f.streaming_at END
FROM unnest($1::uuid[], $2::boolean[], $3::bigint[]) AS held (token, streaming, heard_index)
WHERE f.lease_token = held.token AND f.lease_until >= clock_timestamp()
RETURNING f.region, f.namespace, f.lease_token, f.heard_index
"""

_TAKE = """
UPDATE namespaces f SET lease_token = gen_random_uuid(),
  lease_until = clock_timestamp() + make_interval(secs => $1)
WHERE (region, namespace) IN (
  SELECT region, namespace FROM namespaces
  WHERE lease_until IS NULL OR lease_until < clock_timestamp() LIMIT greatest($2, 0) FOR UPDATE SKIP LOCKED)
RETURNING region, namespace, lease_token, heard_index
"""

_RELEASE = "UPDATE namespaces SET lease_until = NULL WHERE lease_token = ANY($1)"

# A rollout counts from the moment when its patch is written: from then on its registration may arrive.
_TARGETS = """
SELECT t.job_id, t.target_id, r.rollout_id IS NOT NULL AS registering,
  CASE WHEN r.state = 'submitted' THEN r.submission_index END AS submission_index
FROM targets t
LEFT JOIN rollouts r ON r.target_id = t.target_id AND r.ended_at IS NULL AND r.expected_index IS NOT NULL
WHERE t.region = $1 AND t.namespace = $2 AND t.job_id = ANY($3)
  AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present)
"""

_READ = """
SELECT job_id, target_id, job_index, job_create_index FROM targets t
WHERE region = $1 AND namespace = $2 AND job_read_at IS NOT NULL
  AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present)
"""

_LEASE = """
SELECT FROM namespaces WHERE lease_token = $1 AND lease_until >= clock_timestamp() FOR KEY SHARE
"""

_MAKE_DUE = f"""
WITH lease AS ({_LEASE}),
made AS (INSERT INTO wakes (target_id) SELECT DISTINCT unnest($2::bigint[]) FROM lease)
SELECT EXISTS (SELECT FROM lease)
"""

_STREAMING = """
UPDATE namespaces SET heard_index = $2, streaming_at = clock_timestamp(), refusal = '', outage = '',
  outage_since = NULL, outage_notified = false
WHERE lease_token = $1 AND lease_until >= clock_timestamp() RETURNING region, namespace
"""

# What Nomad's outage held back: a target that shows it, or that waits to read its job. A registry that is away, or that
# asked for a pause, keeps its own time.
_HELD_BACK = """
INSERT INTO wakes (target_id)
SELECT target_id FROM targets t
WHERE region = $1 AND namespace = $2
  AND (outage <> '' OR (inspect_job AND attempts > 0 AND due_at > clock_timestamp()))
  AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present)
  AND NOT EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present AND w.outage <> '')
RETURNING target_id
"""

_REFUSED = """
UPDATE namespaces f SET refusal = $2, streaming_at = NULL, outage = '', outage_since = NULL,
  outage_notified = false
FROM (SELECT region, namespace, refusal FROM namespaces WHERE lease_token = $1 FOR UPDATE) before
WHERE f.lease_token = $1 AND f.lease_until >= clock_timestamp()
RETURNING before.refusal <> $2 AS is_news
"""

_UNAVAILABLE = """
UPDATE namespaces SET outage = $2,
  outage_since = coalesce(outage_since, clock_timestamp() - make_interval(secs => $3))
WHERE lease_token = $1 AND lease_until >= clock_timestamp() RETURNING outage_notified
"""

_NOTIFIED = "UPDATE namespaces SET outage_notified = true WHERE lease_token = $1 AND NOT outage_notified"


class PostgresNamespaces:
    """`Namespaces` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self) -> None:
        """Forget the namespaces that no watch names any more, and add those that one names now."""
        async with self._database.connection() as connection:
            await connection.execute(_FORGET)
            await connection.execute(_ADD)

    async def tend(
        self, held: Mapping[UUID, Following], lease_seconds: float, *, most: int
    ) -> Sequence[LeasedNamespace]:
        """Renew, then take."""
        streaming = [each.streaming for each in held.values()]
        heard = [each.heard_index for each in held.values()]
        async with self._database.connection() as connection:
            renewed = await connection.fetch(_RENEW, list(held), streaming, heard, lease_seconds) if held else []
            taken = await connection.fetch(_TAKE, lease_seconds, most - len(renewed))
        return [_leased(row) for row in (*renewed, *taken)]

    async def release(self, tokens: Sequence[UUID]) -> None:
        """End the leases now."""
        async with self._database.connection() as connection:
            await connection.execute(_RELEASE, list(tokens))

    async def targets(self, namespace: Namespace, job_ids: Sequence[str]) -> Mapping[str, WatchedTarget]:
        """The watched ones of these jobs, in one statement."""
        asked = [job_id for job_id in job_ids if "\0" not in job_id]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_TARGETS, namespace.region, namespace.name, asked)
        return {
            row["job_id"]: WatchedTarget(
                target_id=row["target_id"],
                rollout=Registering(index=row["submission_index"]) if row["registering"] else None,
            )
            for row in rows
        }

    async def read_targets(self, namespace: Namespace) -> Mapping[str, ReadTarget]:
        """The watched jobs that were read, in one statement."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_READ, namespace.region, namespace.name)
        return {
            row["job_id"]: ReadTarget(
                target_id=row["target_id"],
                indexes=JobIndexes(job_index=row["job_index"], create_index=row["job_create_index"]),
            )
            for row in rows
        }

    async def make_due(self, lease: LeasedNamespace, target_ids: Sequence[int]) -> None:
        """Insert their wakes."""
        async with self._database.connection() as connection:
            if not await connection.fetchval(_MAKE_DUE, lease.token, list(target_ids)):
                raise FollowingLost(str(lease.namespace))

    async def streaming(self, lease: LeasedNamespace, heard_index: int) -> Sequence[int]:
        """End outage and refusal, and make due what waited for Nomad."""
        async with self._database.transaction() as connection:
            place = _held(lease, await connection.fetchrow(_STREAMING, lease.token, heard_index))
            rows = await connection.fetch(_HELD_BACK, place["region"], place["namespace"])
        return [row["target_id"] for row in rows]

    async def refused(self, lease: LeasedNamespace, problem: str) -> bool:
        """Write why there are no events."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_REFUSED, lease.token, storable(problem, MAX_DETAIL))
        return bool(_held(lease, row)["is_news"])

    async def unavailable(self, lease: LeasedNamespace, problem: str, *, since: float) -> Sequence[int]:
        """Write the outage; its first write notifies."""
        async with self._database.transaction() as connection:
            row = _held(
                lease, await connection.fetchrow(_UNAVAILABLE, lease.token, storable(problem, MAX_DETAIL), since)
            )
            outage = of_nomad(str(lease.namespace), problem, notified=row["outage_notified"])
            if outage is None:
                return []
            await connection.execute(_NOTIFIED, lease.token)
            return await add_notifications(connection, outage)


def _held(lease: LeasedNamespace, row: Row | None) -> Row:
    """The row that a fenced write returned. Raises FollowingLost without one."""
    if row is None:
        raise FollowingLost(str(lease.namespace))
    return row


def _leased(row: Row) -> LeasedNamespace:
    return LeasedNamespace(
        namespace=Namespace(region=row["region"], name=row["namespace"]),
        token=row["lease_token"],
        heard_index=row["heard_index"],
    )
