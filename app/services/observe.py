"""One short look at a rollout that is under way: read Nomad, judge, and say when to look again, or that it is over.

Waiting is many short looks, each its own message; no thread is held. An error of the API never ends a rollout.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from app.domain.rollout import Course, Outcome, Patience, Wait, judge
from app.domain.watch import JobPlace
from app.errors import Permanent, Transient
from app.ports import Deployer, Doorbell
from app.services.ringing import ANNOUNCE, LOOK, OBSERVE

log = structlog.get_logger()

_AFTER_ERROR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A rollout under lease: where it runs, its course, and how far it had come at the last look."""

    rollout_id: UUID
    token: UUID
    target_id: int
    place: JobPlace
    course: Course
    progress: str
    now: datetime


class Rollouts(Protocol):
    """The store of rollouts that are under way. All methods raise StoreUnavailable; writes are fenced by the lease."""

    async def claim(self, rollout_id: UUID, lease_seconds: float) -> Followed | None:
        """Take the lease if the rollout is submitted, due for a look, and free."""
        ...

    async def wait(self, followed: Followed, *, progress: str, seconds: float, note: str) -> None:
        """Let the lease go and be due again in `seconds`; a changed `progress` starts the stall timer anew."""
        ...

    async def end(self, followed: Followed, outcome: Outcome) -> tuple[int, ...]:
        """End it, record what failed or what runs, make the target due; returns the notices to send."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """What observing works with."""

    rollouts: Rollouts
    deployer: Deployer
    doorbell: Doorbell
    patience: Patience
    lease: float = 5.0


async def observe(observer: Observer, rollout_id: UUID) -> None:
    """Look at the rollout once, if it is due and nobody else is at it. Raises StoreUnavailable."""
    followed = await observer.rollouts.claim(rollout_id, observer.lease)
    if followed is None:
        return
    try:
        snapshot = await observer.deployer.observe(followed.place, followed.course.submission)
    except (Transient, Permanent) as error:
        pause = max(_AFTER_ERROR, (error.retry_after or 0.0) if isinstance(error, Transient) else 0.0)
        await _wait(observer, followed, Wait(seconds=pause, note=str(error)), followed.progress)
        return
    course = followed.course
    if snapshot.progress != followed.progress:
        course = Course(submission=course.submission, started_at=course.started_at, moved_at=followed.now)
    verdict = judge(snapshot, course, patience=observer.patience, now=followed.now)
    if isinstance(verdict, Wait):
        await _wait(observer, followed, verdict, snapshot.progress)
        return
    notices = await observer.rollouts.end(followed, verdict)
    log.info("rollout.ended", rollout=str(rollout_id), outcome=verdict.kind.value, reason=verdict.reason)
    observer.doorbell.ring(LOOK, str(followed.target_id))
    for notice_id in notices:
        observer.doorbell.ring(ANNOUNCE, str(notice_id))


async def _wait(observer: Observer, followed: Followed, wait: Wait, progress: str) -> None:
    await observer.rollouts.wait(followed, progress=progress, seconds=wait.seconds, note=wait.note)
    observer.doorbell.ring(OBSERVE, str(followed.rollout_id), delay=wait.seconds)
