"""The rows of notices: written in the transaction of what they tell of, claimed by lease, sent, put off or given up."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from app.adapters.postgres.pool import Connection, Database
from app.domain.notice import NoticeKind
from app.services.announce import ClaimedNotice
from app.services.compose import Told

MAX_HEADLINE = 300
MAX_DETAIL = 2000

# Whoever writes a notice rings for it after the commit: the sweeper leaves it alone for its first seconds.
_ADD = """
INSERT INTO notices (kind, headline, detail, watch_names, rollout_id, job_id, namespace, rung_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) RETURNING notice_id
"""

_CLAIM = """
UPDATE notices SET lease_token = $2, lease_until = clock_timestamp() + make_interval(secs => $3),
  attempts = attempts + 1
WHERE notice_id = $1 AND sent_at IS NULL AND dead_at IS NULL AND next_attempt_at <= clock_timestamp()
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING *, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
"""

_SENT = """
UPDATE notices SET sent_at = clock_timestamp(), next_attempt_at = NULL, last_error = '',
  lease_token = NULL, lease_until = NULL
WHERE notice_id = $1 AND lease_token = $2
"""

_PUT_OFF = """
UPDATE notices SET next_attempt_at = clock_timestamp() + make_interval(secs => $3), last_error = $4,
  lease_token = NULL, lease_until = NULL
WHERE notice_id = $1 AND lease_token = $2
"""

_GIVE_UP = """
UPDATE notices SET dead_at = clock_timestamp(), next_attempt_at = NULL, last_error = $3,
  lease_token = NULL, lease_until = NULL
WHERE notice_id = $1 AND lease_token = $2
"""

_OVERDUE = """
WITH overdue AS (
  SELECT notice_id FROM notices
  WHERE sent_at IS NULL AND dead_at IS NULL AND next_attempt_at <= clock_timestamp()
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (rung_at IS NULL OR rung_at < clock_timestamp() - interval '3 seconds')
  ORDER BY notice_id LIMIT $1 FOR UPDATE SKIP LOCKED),
rung AS (
  UPDATE notices SET rung_at = clock_timestamp() FROM overdue
  WHERE notices.notice_id = overdue.notice_id RETURNING notices.notice_id)
SELECT notice_id FROM rung ORDER BY notice_id
"""


async def add_notice(
    connection: Connection,
    *,
    kind: NoticeKind,
    headline: str,
    detail: str = "",
    watch_names: Sequence[str] = (),
    rollout_id: UUID | None = None,
    job_id: str = "",
    namespace: str = "",
) -> int:
    """Write a notice in the caller's transaction and return its id, to be rung for after the commit.

    Texts are bounded, and freed of NUL, which Postgres does not store: others' words get here.
    """
    notice_id: int = await connection.fetchval(
        _ADD,
        kind.value,
        storable(headline, MAX_HEADLINE),
        storable(detail, MAX_DETAIL),
        list(watch_names),
        rollout_id,
        job_id,
        namespace,
    )
    return notice_id


class PostgresNotices:
    """`Notices` on Postgres; leases and due times are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, notice_id: int, *, lease: float) -> ClaimedNotice | None:
        """Take the lease in one statement."""
        token = uuid4()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, notice_id, token, lease)
        return None if row is None else _claimed(row, token)

    async def sent(self, claimed: ClaimedNotice) -> None:
        """Mark it as delivered."""
        await self._write(_SENT, claimed)

    async def put_off(self, claimed: ClaimedNotice, *, seconds: float, error: str) -> None:
        """Make it due again in `seconds`."""
        await self._write(_PUT_OFF, claimed, seconds, storable(error, MAX_HEADLINE))

    async def give_up(self, claimed: ClaimedNotice, *, error: str) -> None:
        """Mark it as dead, with the error that the page shows."""
        await self._write(_GIVE_UP, claimed, storable(error, MAX_HEADLINE))

    async def overdue(self, limit: int) -> list[int]:
        """For the sweeper: notices that are due, not leased, and not rung in the last 3 s; they count as rung now."""
        async with self._database.connection() as connection:
            return [row["notice_id"] for row in await connection.fetch(_OVERDUE, limit)]

    async def _write(self, statement: str, claimed: ClaimedNotice, *values: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, claimed.told.notice_id, claimed.token, *values)


def _claimed(row: Any, token: UUID) -> ClaimedNotice:
    told = Told(
        notice_id=row["notice_id"],
        kind=NoticeKind(row["kind"]),
        headline=row["headline"],
        detail=row["detail"],
        watch_names=tuple(row["watch_names"]),
        rollout_id=row["rollout_id"],
        job_id=row["job_id"],
        namespace=row["namespace"],
    )
    return ClaimedNotice(told=told, token=token, attempts=row["attempts"], age=row["age"])


def storable(text: str, limit: int) -> str:
    """Others' words as Postgres stores them, bounded."""
    text = text.replace("\0", "").encode(errors="replace").decode()  # no NUL, no lone surrogates
    return text if len(text) <= limit else text[: limit - 1] + "…"
