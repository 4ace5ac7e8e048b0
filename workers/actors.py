"""The Dramatiq actors: one for each step of the line. A message carries an id, and the actor calls one service.

Attempts and backoff are columns in Postgres, so no message is retried.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from dramatiq import actor
from dramatiq.broker import Broker

from app.adapters.waker import QUEUE
from app.bootstrap import Services
from app.errors import StoreSilent, StoreUnavailable
from app.services.notify.send import notify
from app.services.processes.loops import described
from app.services.processes.steps import Steps
from app.services.reconcile.reconcile import reconcile
from app.services.rollout.follow import follow
from app.services.wakeup.wake import FOLLOW, NOTIFY, RECONCILE

log = structlog.get_logger()

Step = Callable[[str], Awaitable[bool]]
"""Tries the row of its key once; returns False if nothing was due, or another worker has the lease."""

Try = Callable[[str], Awaitable[None]]


def declare_actors(broker: Broker, services: Callable[[], Services], steps: Steps) -> None:
    """Declare reconcile, follow and notify on `broker`; `services` returns the current ones at each message.

    `steps` records how each try ended.
    """

    async def run_reconcile(key: str) -> bool:
        return await reconcile(services().reconciler, int(key))

    async def run_follow(key: str) -> bool:
        return await follow(services().follower, UUID(key))

    async def run_notify(key: str) -> bool:
        return await notify(services().notifier, int(key))

    # A lower number is first: deploys go before notifications.
    for name, step, priority in ((RECONCILE, run_reconcile, 0), (FOLLOW, run_follow, 0), (NOTIFY, run_notify, 10)):
        declare = actor(actor_name=name, queue_name=QUEUE, priority=priority, max_retries=0, broker=broker)
        declare(_guarded(name, step, steps))


def _guarded(name: str, step: Step, steps: Steps) -> Try:
    """No error ends more than one try of a step: the row stays due, and the sweeper wakes again.

    That Postgres does not answer is logged by the process. That it cannot store is logged once until it can, whatever
    the rows; an unforeseen error is logged once for each row, with its traceback, and counts as failed.
    """
    logged = LoggedProblems()

    async def run(key: str) -> None:
        try:
            tried = await step(key)
        except StoreSilent:
            return  # the process reports that once for all steps
        except StoreUnavailable as error:
            if logged.is_new("", "outage"):
                log.warning("step.postponed", step=name, key=key, problem=str(error))
        except Exception as error:  # Dramatiq would log it at every sweep
            steps.failed(name, key, described(error))
            if logged.is_new(key, described(error)):
                log.error("step.failed", step=name, key=key, problem=described(error), exc_info=error)
        else:
            logged.forget("")
            if tried:
                steps.done(name, key)
                logged.forget(key)

    return run


class LoggedProblems:
    """The problems that were logged already, by row; the oldest are forgotten."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._problems: dict[str, str] = {}

    def is_new(self, key: str, problem: str) -> bool:
        """Whether it differs from the last problem logged for `key`; it counts as logged now."""
        if self._problems.get(key) == problem:
            return False
        self._problems.pop(key, None)
        self._problems[key] = problem
        if len(self._problems) > self._most:
            del self._problems[next(iter(self._problems))]
        return True

    def forget(self, *keys: str) -> None:
        """These rows have no problem now."""
        for key in keys:
            self._problems.pop(key, None)
