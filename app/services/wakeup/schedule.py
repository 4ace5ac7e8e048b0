"""Targets whose poll is due, and rows whose wake-up was lost. Any number of processes run both loops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from app.ports import Waker
from app.services.processes.loops import Loop
from app.services.wakeup.wake import FOLLOW, NOTIFY, RECONCILE

log = structlog.get_logger()

_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """Rows that have been due for too long."""

    targets: Sequence[int]
    rollouts: Sequence[UUID]
    notification_deliveries: Sequence[int]


class Schedule(Protocol):
    """The store of due rows. All methods use SKIP LOCKED, so no two processes get the same row."""

    async def due_for_poll(self, *, interval: float, limit: int) -> Sequence[int]:
        """Make targets due whose poll time has passed, delay their next poll by a jittered interval, return them."""
        ...

    async def overdue(self, *, limit: int) -> Overdue:
        """Rows that are due, not leased, and not woken within the last seconds."""
        ...


class Retention(Protocol):
    """The store of history."""

    async def forget(self, *, days: int) -> int:
        """Delete a batch of history that is older than `days`; returns their number. Raises StoreUnavailable."""
        ...


async def forget_forever(
    retention: Retention, *, days: Callable[[], int], pause: float = 3600.0, loop: Loop | None = None
) -> None:
    """Delete old history, without end; continues at once while there is more to delete."""

    async def iterate() -> float:
        deleted = await retention.forget(days=days())
        if deleted:
            log.info("history.deleted", rows=deleted)
        return 1.0 if deleted else pause

    await (loop or forgetting()).run(iterate)


def forgetting() -> Loop:
    """The loop of `forget_forever`: a batch may take minutes, and a delay does no harm."""
    return Loop("forget", retry=1.0, retry_at_most=8.0, bound=300.0, grace=300.0)


async def poll_forever(
    schedule: Schedule,
    waker: Waker,
    *,
    interval: Callable[[], float],
    pause: float = 0.5,
    loop: Loop | None = None,
) -> None:
    """Wake for every target whose poll time has passed, without end; an outage of Postgres only delays it.

    A registry that limits our rate (429, Retry-After) has already delayed the poll time of its targets.
    """

    async def iterate() -> float:
        found = await schedule.due_for_poll(interval=interval(), limit=_BATCH)
        for target_id in found:
            waker.wake(RECONCILE, str(target_id))
        return pause if len(found) < _BATCH else 0.0

    await (loop or Loop("poll")).run(iterate)


async def sweep_forever(schedule: Schedule, waker: Waker, *, pause: float = 1.0, loop: Loop | None = None) -> None:
    """Wake again for overdue rows, without end: this repairs every lost message and every killed worker."""

    async def iterate() -> float:
        await sweep(schedule, waker)
        return pause

    await (loop or Loop("sweep")).run(iterate)


async def sweep(schedule: Schedule, waker: Waker) -> None:
    """One sweep. Raises StoreUnavailable."""
    found = await schedule.overdue(limit=_BATCH * 5)
    for target_id in found.targets:
        waker.wake(RECONCILE, str(target_id))
    for rollout_id in found.rollouts:
        waker.wake(FOLLOW, str(rollout_id))
    for notification_delivery_id in found.notification_deliveries:
        waker.wake(NOTIFY, str(notification_delivery_id))
    if found.targets or found.rollouts or found.notification_deliveries:
        log.debug(
            "overdue.woken",
            targets=len(found.targets),
            rollouts=len(found.rollouts),
            notification_deliveries=len(found.notification_deliveries),
        )
