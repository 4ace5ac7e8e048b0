"""The rows of notifications: written with what they tell of, claimed by lease, sent, put off or given up."""

from typing import Any
from uuid import UUID, uuid4

from app.adapters.postgres.pool import Connection, Database
from app.domain.notification import Notification, NotificationKind, Subject
from app.services.notify.send import ClaimedNotification

MAX_HEADLINE = 300
MAX_DETAIL = 2000

# Whoever writes a notification rings for it after the commit: the sweeper leaves it alone for its first seconds.
_ADD = """
INSERT INTO notifications (kind, headline, detail, watch_names, rollout_id, job_id, namespace, rung_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) RETURNING notification_id
"""

_CLAIM = """
UPDATE notifications SET lease_token = $2, lease_until = clock_timestamp() + make_interval(secs => $3),
  attempts = attempts + 1
WHERE notification_id = $1 AND sent_at IS NULL AND dead_at IS NULL AND next_attempt_at <= clock_timestamp()
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING *, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
"""

_SENT = """
UPDATE notifications SET sent_at = clock_timestamp(), next_attempt_at = NULL, last_error = '',
  lease_token = NULL, lease_until = NULL
WHERE notification_id = $1 AND lease_token = $2
"""

_PUT_OFF = """
UPDATE notifications SET next_attempt_at = clock_timestamp() + make_interval(secs => $3), last_error = $4,
  lease_token = NULL, lease_until = NULL
WHERE notification_id = $1 AND lease_token = $2
"""

_GIVE_UP = """
UPDATE notifications SET dead_at = clock_timestamp(), next_attempt_at = NULL, last_error = $3,
  lease_token = NULL, lease_until = NULL
WHERE notification_id = $1 AND lease_token = $2
"""

_OVERDUE = """
WITH overdue AS (
  SELECT notification_id FROM notifications
  WHERE sent_at IS NULL AND dead_at IS NULL AND next_attempt_at <= clock_timestamp()
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (rung_at IS NULL OR rung_at < clock_timestamp() - interval '3 seconds')
  ORDER BY notification_id LIMIT $1 FOR UPDATE SKIP LOCKED),
rung AS (
  UPDATE notifications SET rung_at = clock_timestamp() FROM overdue
  WHERE notifications.notification_id = overdue.notification_id RETURNING notifications.notification_id)
SELECT notification_id FROM rung ORDER BY notification_id
"""


async def add_notifications(connection: Connection, *notifications: Notification | None) -> list[int]:
    """Write these in the caller's transaction and return their ids, to be rung for after the commit.

    Texts are bounded, and freed of NUL, which Postgres does not store: others' words get here.
    """
    return [await _add(connection, each) for each in notifications if each is not None]


async def _add(connection: Connection, notification: Notification) -> int:
    notification_id: int = await connection.fetchval(
        _ADD,
        notification.kind.value,
        storable(notification.headline, MAX_HEADLINE),
        storable(notification.detail, MAX_DETAIL),
        list(notification.subject.watch_names),
        notification.subject.rollout_id,
        notification.subject.job_id,
        notification.subject.namespace,
    )
    return notification_id


class PostgresNotifications:
    """`Notifications` on Postgres; leases and due times are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, notification_id: int, *, lease: float) -> ClaimedNotification | None:
        """Take the lease in one statement."""
        token = uuid4()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, notification_id, token, lease)
        return None if row is None else _claimed(row, token)

    async def sent(self, claimed: ClaimedNotification) -> None:
        """Mark it as delivered."""
        await self._write(_SENT, claimed)

    async def put_off(self, claimed: ClaimedNotification, *, seconds: float, error: str) -> None:
        """Make it due again in `seconds`."""
        await self._write(_PUT_OFF, claimed, seconds, storable(error, MAX_HEADLINE))

    async def give_up(self, claimed: ClaimedNotification, *, error: str) -> None:
        """Mark it as dead, with the error that the page shows."""
        await self._write(_GIVE_UP, claimed, storable(error, MAX_HEADLINE))

    async def overdue(self, limit: int) -> list[int]:
        """For the sweeper: those that are due, not leased, and not rung in the last 3 s; they count as rung now."""
        async with self._database.connection() as connection:
            return [row["notification_id"] for row in await connection.fetch(_OVERDUE, limit)]

    async def _write(self, statement: str, claimed: ClaimedNotification, *values: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, claimed.notification_id, claimed.token, *values)


def _claimed(row: Any, token: UUID) -> ClaimedNotification:
    notification = Notification(
        kind=NotificationKind(row["kind"]),
        headline=row["headline"],
        detail=row["detail"],
        subject=Subject(
            watch_names=tuple(row["watch_names"]),
            rollout_id=row["rollout_id"],
            job_id=row["job_id"],
            namespace=row["namespace"],
        ),
    )
    return ClaimedNotification(
        notification_id=row["notification_id"],
        notification=notification,
        token=token,
        attempts=row["attempts"],
        age=row["age"],
    )


def storable(text: str, limit: int) -> str:
    """Others' words as Postgres stores them, bounded."""
    text = text.replace("\0", "").encode(errors="replace").decode()  # no NUL, no lone surrogates
    return text if len(text) <= limit else text[: limit - 1] + "…"
