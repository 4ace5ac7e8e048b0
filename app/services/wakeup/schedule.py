"""What is due by the clock: targets to poll, and rows whose ring was lost. Any number of processes run both."""

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
    """Rows that should have been worked on by now."""

    targets: Sequence[int]
    rollouts: Sequence[UUID]
    notification_deliveries: Sequence[int]


class Schedule(Protocol):
    """The store of what is due. All methods claim with SKIP LOCKED, so copies do not step on one another."""

    async def due_for_poll(self, *, interval: float, limit: int) -> Sequence[int]:
        """Mark targets whose poll time has come as due, put their next poll off by a jittered interval, return them."""
        ...

    async def overdue(self, *, limit: int) -> Overdue:
        """Rows that are due, not leased, and were not rung within the last seconds."""
        ...


class Retention(Protocol):
    """The store of history."""

    async def forget(self, *, days: int) -> int:
        """Delete a batch of history that is older than `days`; returns how many rows went. Raises StoreUnavailable."""
        ...


async def forget_forever(
    retention: Retention, *, days: Callable[[], int], pause: float = 3600.0, loop: Loop | None = None
) -> None:
    """Keep history within its time, for ever; goes on at once while there is more to forget."""

    async def turn() -> float:
        gone = await retention.forget(days=days())
        if gone:
            log.info("history.forgotten", rows=gone)
        return 1.0 if gone else pause

    await (loop or forgetting()).run(turn)


def forgetting() -> Loop:
    """The loop of `forget_forever`: a batch may take minutes, and nothing is lost by waiting."""
    return Loop("forget", retry=1.0, retry_at_most=8.0, bound=300.0, grace=300.0)


async def poll_forever(
    schedule: Schedule,
    waker: Waker,
    *,
    interval: Callable[[], float],
    pause: float = 0.5,
    loop: Loop | None = None,
) -> None:
    """Ring for every target whose poll time has come, for ever; Postgres being away only delays it.

    Registries that asked for patience (429, Retry-After) have moved their targets' poll time themselves.
    """

    async def turn() -> float:
        found = await schedule.due_for_poll(interval=interval(), limit=_BATCH)
        for target_id in found:
            waker.wake(RECONCILE, str(target_id))
        return pause if len(found) < _BATCH else 0.0

    await (loop or Loop("poll")).run(turn)


async def sweep_forever(schedule: Schedule, waker: Waker, *, pause: float = 1.0, loop: Loop | None = None) -> None:
    """Ring again for what is overdue, for ever: the cure for every lost message and every killed worker."""

    async def turn() -> float:
        await sweep(schedule, waker)
        return pause

    await (loop or Loop("sweep")).run(turn)


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
            "sweep.rang",
            targets=len(found.targets),
            rollouts=len(found.rollouts),
            notification_deliveries=len(found.notification_deliveries),
        )
