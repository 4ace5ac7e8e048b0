"""Tell people one notice: claim it, send it, and write down what became of it.

At least once: a worker that dies between sending and writing sends again when its lease has run out. A notice is never
lost while Postgres stands; it must not decide what people are told, nor how a product words it.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from app.errors import Permanent, Transient
from app.ports import Notifier
from app.services.compose import Addresses, Told, compose

log = structlog.get_logger()

LEASE = 8.0  # seconds; a killed worker's notice is due again after this
PATIENCE = 3 * 86_400.0  # seconds that a refusal is retried: a person may mend the address meanwhile
NOT_CONFIGURED = "no notifier is configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedNotice:
    """A notice under lease; `attempts` counts this one, `age` is in seconds, both by the database."""

    told: Told
    token: UUID
    attempts: int
    age: float


class Notices(Protocol):
    """The rows of notices. All raise StoreUnavailable; what comes after `claim` is void once the lease is another's."""

    async def claim(self, notice_id: int, *, lease: float) -> ClaimedNotice | None:
        """Take a notice that is due, open and not leased; None otherwise. It is due again when the lease runs out."""
        ...

    async def sent(self, claimed: ClaimedNotice) -> None:
        """It was delivered: the end of it."""
        ...

    async def put_off(self, claimed: ClaimedNotice, *, seconds: float, error: str) -> None:
        """It was not delivered: due again in `seconds`."""
        ...

    async def give_up(self, claimed: ClaimedNotice, *, error: str) -> None:
        """It will not be delivered; the row stays, with the error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """What announcing works with; `notifier` is None when nobody is to be told.

    `sending` bounds one attempt, in seconds, well within the lease.
    """

    notices: Notices
    notifier: Notifier | None
    addresses: Addresses
    sending: float = 5.0


async def announce(announcer: Announcer, notice_id: int) -> bool:
    """Send the notice if it is due and nobody else is at it; returns whether that was so. Raises StoreUnavailable."""
    claimed = await announcer.notices.claim(notice_id, lease=LEASE)
    if claimed is None:
        return False
    if announcer.notifier is None:
        await announcer.notices.give_up(claimed, error=NOT_CONFIGURED)
        return True
    try:
        await _send(announcer.notifier, announcer, claimed)
    except Transient as error:
        pause = max(_pause(claimed.attempts), min(error.retry_after or 0.0, 3600.0))
        await _put_off(announcer, claimed, error, seconds=pause)
    except Permanent as error:
        await _refused(announcer, claimed, error)
    else:
        await announcer.notices.sent(claimed)
        log.info("notice.sent", notice_id=notice_id, kind=claimed.told.kind.value)
    return True


async def _send(notifier: Notifier, announcer: Announcer, claimed: ClaimedNotice) -> None:
    try:
        async with asyncio.timeout(announcer.sending):
            await notifier.send(compose(claimed.told, announcer.addresses))
    except TimeoutError as error:
        raise Transient(f"it took longer than {announcer.sending:g} s") from error


async def _refused(announcer: Announcer, claimed: ClaimedNotice, error: Permanent) -> None:
    if claimed.age < PATIENCE:
        await _put_off(announcer, claimed, error, seconds=min(3600.0, 60 * _pause(claimed.attempts)))
        return
    await announcer.notices.give_up(claimed, error=str(error))
    log.error("notice.dead", notice_id=claimed.told.notice_id, attempts=claimed.attempts, problem=str(error))


async def _put_off(announcer: Announcer, claimed: ClaimedNotice, error: Exception, *, seconds: float) -> None:
    await announcer.notices.put_off(claimed, seconds=seconds, error=str(error))
    log.warning("notice.put_off", notice_id=claimed.told.notice_id, seconds=seconds, problem=str(error))


def _pause(attempts: int) -> float:
    """1, 2, 4, … seconds, up to five minutes."""
    return float(min(300, 2 ** min(attempts - 1, 9)))
