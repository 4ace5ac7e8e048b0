"""Tell people one notification: claim it, send it, and write down what became of it.

At least once: a worker that dies between sending and writing sends again when its lease has run out. A notification is
never lost while Postgres stands; it must not decide what people are told, nor how a product words it.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from app.domain.notification import Notification
from app.errors import Permanent, Transient
from app.ports import Channel
from app.services.notify.compose import Addresses, compose

log = structlog.get_logger()

LEASE = 8.0  # seconds; a killed worker's notification is due again after this
PATIENCE = 3 * 86_400.0  # seconds that a refusal is retried: a person may mend the address meanwhile
NOT_CONFIGURED = "no notifier is configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedNotification:
    """A notification under lease; `attempts` counts this one, `age` is in seconds, both by the database."""

    notification_id: int
    notification: Notification
    token: UUID
    attempts: int
    age: float


class Notifications(Protocol):
    """The store of notifications. All raise StoreUnavailable; a write is void once the lease is another's."""

    async def claim(self, notification_id: int, *, lease: float) -> ClaimedNotification | None:
        """Take one that is due, open and not leased; None otherwise. It is due again when the lease runs out."""
        ...

    async def sent(self, claimed: ClaimedNotification) -> None:
        """It was delivered: the end of it."""
        ...

    async def put_off(self, claimed: ClaimedNotification, *, seconds: float, error: str) -> None:
        """It was not delivered: due again in `seconds`."""
        ...

    async def give_up(self, claimed: ClaimedNotification, *, error: str) -> None:
        """It will not be delivered; the row stays, with the error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """What notifying works with; `channel` is None when nobody is to be told.

    `sending` bounds one attempt, in seconds, well within the lease.
    """

    notifications: Notifications
    channel: Channel | None
    addresses: Addresses
    sending: float = 5.0


async def notify(notifier: Notifier, notification_id: int) -> bool:
    """Send it if it is due and nobody else is at it; returns whether that was so. Raises StoreUnavailable."""
    claimed = await notifier.notifications.claim(notification_id, lease=LEASE)
    if claimed is None:
        return False
    if notifier.channel is None:
        await notifier.notifications.give_up(claimed, error=NOT_CONFIGURED)
        return True
    try:
        await _send(notifier.channel, notifier, claimed)
    except Transient as error:
        pause = max(_pause(claimed.attempts), min(error.retry_after or 0.0, 3600.0))
        await _put_off(notifier, claimed, error, seconds=pause)
    except Permanent as error:
        await _refused(notifier, claimed, error)
    else:
        await notifier.notifications.sent(claimed)
        log.info("notification.sent", notification_id=notification_id, kind=claimed.notification.kind.value)
    return True


async def _send(channel: Channel, notifier: Notifier, claimed: ClaimedNotification) -> None:
    try:
        async with asyncio.timeout(notifier.sending):
            await channel.send(compose(claimed.notification_id, claimed.notification, notifier.addresses))
    except TimeoutError as error:
        raise Transient(f"it took longer than {notifier.sending:g} s") from error


async def _refused(notifier: Notifier, claimed: ClaimedNotification, error: Permanent) -> None:
    if claimed.age < PATIENCE:
        await _put_off(notifier, claimed, error, seconds=min(3600.0, 60 * _pause(claimed.attempts)))
        return
    await notifier.notifications.give_up(claimed, error=str(error))
    log.error(
        "notification.dead",
        notification_id=claimed.notification_id,
        attempts=claimed.attempts,
        problem=str(error),
    )


async def _put_off(notifier: Notifier, claimed: ClaimedNotification, error: Exception, *, seconds: float) -> None:
    await notifier.notifications.put_off(claimed, seconds=seconds, error=str(error))
    log.warning("notification.put_off", notification_id=claimed.notification_id, seconds=seconds, problem=str(error))


def _pause(attempts: int) -> float:
    """1, 2, 4, … seconds, up to five minutes."""
    return float(min(300, 2 ** min(attempts - 1, 9)))
