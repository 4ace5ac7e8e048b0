"""The rows of notifications and of their deliveries: one delivery for each channel, claimed by lease."""

from typing import Any
from uuid import UUID, uuid4

from app.adapters.postgres.database.pool import Connection, Database
from app.domain.notification import Notification, NotificationKind, Subject
from app.services.notify.channels import NOT_CONFIGURED
from app.services.notify.send import ClaimedDelivery

MAX_HEADLINE = 300
MAX_DETAIL = 2000

# One delivery for each configured channel. The caller wakes a worker after the commit, so the sweeper skips it for 3 s.
# Without a channel one delivery is stored as given up, with the reason.
_ADD = """
WITH written AS (
  INSERT INTO notifications (kind, headline, detail, watch_names, rollout_id, job_id, namespace)
  VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING notification_id)
INSERT INTO notification_deliveries (notification_id, channel, next_attempt_at, woken_at, given_up_at, problem)
SELECT notification_id, coalesce(name, ''), CASE WHEN name IS NOT NULL THEN clock_timestamp() END, clock_timestamp(),
  CASE WHEN name IS NULL THEN clock_timestamp() END, CASE WHEN name IS NULL THEN $8 ELSE '' END
FROM written LEFT JOIN channels ON true ORDER BY name
RETURNING notification_delivery_id, given_up_at IS NULL AS open
"""

_CLAIM = """
UPDATE notification_deliveries d SET lease_token = $2, lease_until = clock_timestamp() + make_interval(secs => $3),
  attempts = d.attempts + 1
FROM notifications n
WHERE d.notification_delivery_id = $1 AND n.notification_id = d.notification_id
  AND d.sent_at IS NULL AND d.given_up_at IS NULL AND d.next_attempt_at <= clock_timestamp()
  AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp())
RETURNING n.*, d.notification_delivery_id, d.channel, d.attempts,
  extract(epoch FROM clock_timestamp() - n.created_at)::float8 AS age
"""

_SENT = """
UPDATE notification_deliveries SET sent_at = clock_timestamp(), next_attempt_at = NULL, problem = '',
  lease_token = NULL, lease_until = NULL
WHERE notification_delivery_id = $1 AND lease_token = $2
"""

_REQUEUE = """
UPDATE notification_deliveries SET next_attempt_at = clock_timestamp() + make_interval(secs => $3), problem = $4,
  lease_token = NULL, lease_until = NULL
WHERE notification_delivery_id = $1 AND lease_token = $2
"""

_GIVE_UP = """
UPDATE notification_deliveries SET given_up_at = clock_timestamp(), next_attempt_at = NULL, problem = $3,
  lease_token = NULL, lease_until = NULL
WHERE notification_delivery_id = $1 AND lease_token = $2
"""

_OVERDUE = """
WITH overdue AS (
  SELECT notification_delivery_id AS id FROM notification_deliveries
  WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp()
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (woken_at IS NULL OR woken_at < clock_timestamp() - interval '3 seconds')
  ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED),
woken AS (
  UPDATE notification_deliveries d SET woken_at = clock_timestamp() FROM overdue
  WHERE d.notification_delivery_id = overdue.id RETURNING overdue.id)
SELECT id FROM woken ORDER BY id
"""


async def add_notifications(connection: Connection, *notifications: Notification | None) -> list[int]:
    """Write these in the caller's transaction; returns the deliveries to wake workers for after the commit.

    Texts are cut to their limits, and NUL, which Postgres does not store, is removed: they contain text of others.
    """
    return [delivery for each in notifications if each is not None for delivery in await _add(connection, each)]


async def _add(connection: Connection, notification: Notification) -> list[int]:
    rows = await connection.fetch(
        _ADD,
        notification.kind.value,
        storable(notification.headline, MAX_HEADLINE),
        storable(notification.detail, MAX_DETAIL),
        list(notification.subject.watch_names),
        notification.subject.rollout_id,
        notification.subject.job_id,
        notification.subject.namespace,
        NOT_CONFIGURED,
    )
    return [row["notification_delivery_id"] for row in rows if row["open"]]


class PostgresNotifications:
    """`Notifications` on Postgres; leases and due times are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, notification_delivery_id: int, *, lease: float) -> ClaimedDelivery | None:
        """Take the lease in one statement."""
        token = uuid4()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, notification_delivery_id, token, lease)
        return None if row is None else _claimed(row, token)

    async def sent(self, claimed: ClaimedDelivery) -> None:
        """Mark it as delivered."""
        await self._write(_SENT, claimed)

    async def requeue(self, claimed: ClaimedDelivery, *, seconds: float, problem: str) -> None:
        """Make it due again in `seconds`."""
        await self._write(_REQUEUE, claimed, seconds, storable(problem, MAX_HEADLINE))

    async def give_up(self, claimed: ClaimedDelivery, *, problem: str) -> None:
        """End it, and keep the problem."""
        await self._write(_GIVE_UP, claimed, storable(problem, MAX_HEADLINE))

    async def overdue(self, limit: int) -> list[int]:
        """For the sweeper: those that are due, not leased, and not woken in the last 3 s; they count as woken now."""
        async with self._database.connection() as connection:
            return [row["id"] for row in await connection.fetch(_OVERDUE, limit)]

    async def _write(self, statement: str, claimed: ClaimedDelivery, *values: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, claimed.notification_delivery_id, claimed.token, *values)


def _claimed(row: Any, token: UUID) -> ClaimedDelivery:
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
    return ClaimedDelivery(
        notification_delivery_id=row["notification_delivery_id"],
        notification_id=row["notification_id"],
        notification=notification,
        channel=row["channel"],
        token=token,
        attempts=row["attempts"],
        age=row["age"],
    )


def storable(text: str, limit: int) -> str:
    """The text of others as Postgres can store it, cut to `limit` characters."""
    text = text.replace("\0", "").encode(errors="replace").decode()  # no NUL, no lone surrogates
    return text if len(text) <= limit else text[: limit - 1] + "…"
