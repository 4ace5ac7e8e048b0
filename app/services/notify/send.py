"""Send one notification through one channel: claim the delivery, send the message, and write the result.

At least once: if a worker dies between sending and writing, another sends again once the lease has expired. A
notification is never lost while Postgres has its data. A channel that is down delays no other. The text of a
notification, and its format in a product, are not decided here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from app.domain.notification import Notification
from app.errors import Permanent, Transient
from app.ports import Channel
from app.services.notify.compose import Addresses, compose

log = structlog.get_logger()

LEASE = 8.0  # seconds; after that, the delivery of a killed worker is due again
GIVE_UP_AFTER = 3 * 86_400.0  # seconds that a refusal is retried: a person may correct the address meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """A notification under lease for one channel. `attempts` includes this one; `age` is its age in seconds.

    The database counts and measures both.
    """

    notification_delivery_id: int
    notification_id: int
    notification: Notification
    channel: str
    token: UUID
    attempts: int
    age: float


class Notifications(Protocol):
    """The store of notifications and their deliveries. All raise StoreUnavailable; a write has no effect once another
    worker has the lease."""

    async def claim(self, notification_delivery_id: int, *, lease: float) -> ClaimedDelivery | None:
        """Lease the delivery if it is due, open and not leased, else None. It is due again when the lease expires."""
        ...

    async def sent(self, claimed: ClaimedDelivery) -> None:
        """It was sent: the delivery is finished."""
        ...

    async def requeue(self, claimed: ClaimedDelivery, *, seconds: float, problem: str) -> None:
        """It was not sent: due again in `seconds`."""
        ...

    async def give_up(self, claimed: ClaimedDelivery, *, problem: str) -> None:
        """It will not be sent; the row stays, with the problem."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """The store and ports of notifying; `channels` are those that this process has, by name.

    `sending` is the time limit of one attempt, in seconds, well within the lease.
    """

    notifications: Notifications
    channels: Mapping[str, Channel]
    addresses: Addresses
    sending: float = 5.0


async def notify(notifier: Notifier, notification_delivery_id: int) -> bool:
    """Send it if it is due and not leased; returns whether it was. Raises StoreUnavailable."""
    claimed = await notifier.notifications.claim(notification_delivery_id, lease=LEASE)
    if claimed is None:
        return False
    try:
        await _send(notifier, claimed)
    except Transient as error:
        pause = max(_pause(claimed.attempts), min(error.retry_after or 0.0, 3600.0))
        await _requeue(notifier, claimed, error, seconds=pause)
    except Permanent as error:
        await _refused(notifier, claimed, error)
    else:
        await notifier.notifications.sent(claimed)
        log.info("notification.sent", **_named(claimed), kind=claimed.notification.kind.value)
    return True


async def _send(notifier: Notifier, claimed: ClaimedDelivery) -> None:
    channel = notifier.channels.get(claimed.channel)
    if channel is None:  # another process has read a newer configuration, or an older one, and may send it
        raise Transient(f"this process has no channel {claimed.channel}; give all processes the same configuration")
    message = compose(claimed.notification_id, claimed.notification, notifier.addresses)
    try:
        async with asyncio.timeout(notifier.sending):
            await channel.send(message)
    except TimeoutError as error:
        raise Transient(f"it took longer than {notifier.sending:g} s") from error


async def _refused(notifier: Notifier, claimed: ClaimedDelivery, error: Permanent) -> None:
    if claimed.age < GIVE_UP_AFTER:
        await _requeue(notifier, claimed, error, seconds=min(3600.0, 60 * _pause(claimed.attempts)))
        return
    await notifier.notifications.give_up(claimed, problem=str(error))
    log.error("notification.given_up", **_named(claimed), attempts=claimed.attempts, problem=str(error))


async def _requeue(notifier: Notifier, claimed: ClaimedDelivery, error: Exception, *, seconds: float) -> None:
    await notifier.notifications.requeue(claimed, seconds=seconds, problem=str(error))
    log.warning("notification.requeued", **_named(claimed), seconds=seconds, problem=str(error))


def _named(claimed: ClaimedDelivery) -> Mapping[str, int | str]:
    return {"notification_id": claimed.notification_id, "channel": claimed.channel}


def _pause(attempts: int) -> float:
    """1, 2, 4, … seconds, up to five minutes."""
    return float(min(300, 2 ** min(attempts - 1, 9)))
