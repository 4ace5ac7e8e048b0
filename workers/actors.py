"""The actors: one for each step of the line. They carry an id and know nothing but whom to call.

Attempts and back-off are columns in Postgres, so no message is retried.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from dramatiq import actor
from dramatiq.broker import Broker

from app.adapters.waker import QUEUE
from app.bootstrap import Services
from app.errors import StoreUnavailable
from app.services.notify.send import notify
from app.services.processes.loops import described
from app.services.processes.steps import Steps
from app.services.reconcile.reconcile import reconcile
from app.services.rollout.follow import follow
from app.services.wakeup.wake import FOLLOW, NOTIFY, RECONCILE

log = structlog.get_logger()

Step = Callable[[str], Awaitable[bool]]
"""Tries once what its key names; returns False when there was nothing to try, or another was at it."""

Try = Callable[[str], Awaitable[None]]


def declare_actors(broker: Broker, services: Callable[[], Services], steps: Steps) -> None:
    """Declare look, observe and notify on `broker`; `services` gives the current ones at each message.

    `steps` is told how each try ended.
    """

    async def run_reconcile(key: str) -> bool:
        return await reconcile(services().reconciler, int(key))

    async def run_follow(key: str) -> bool:
        return await follow(services().follower, UUID(key))

    async def run_notify(key: str) -> bool:
        return await notify(services().notifier, int(key))

    # A lower number goes first: telling people waits for deploying.
    for name, step, priority in ((RECONCILE, run_reconcile, 0), (FOLLOW, run_follow, 0), (NOTIFY, run_notify, 10)):
        declare = actor(actor_name=name, queue_name=QUEUE, priority=priority, max_retries=0, broker=broker)
        declare(_quietly(name, step, steps))


def _quietly(name: str, step: Step, steps: Steps) -> Try:
    """No error ends more than one try of a step: the row stays due, and the sweeper rings again.

    Postgres being away is told once until it answers, whichever rows were at hand; an error that nobody foresaw is told
    once for each row that it concerns, with its traceback, and counts as failed.
    """
    told = Told()

    async def run(key: str) -> None:
        try:
            tried = await step(key)
        except StoreUnavailable as error:
            if told.is_new("", "outages"):
                log.warning("step.put_off", step=name, key=key, problem=str(error))
        except Exception as error:  # dramatiq would tell it at every sweep
            steps.failed(name, key, described(error))
            if told.is_new(key, described(error)):
                log.error("step.failed", step=name, key=key, problem=described(error), exc_info=error)
        else:
            told.forget("")
            if tried:
                steps.done(name, key)
                told.forget(key)

    return run


class Told:
    """Which problems were told of already, by what they concern; the oldest are forgotten."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._problems: dict[str, str] = {}

    def is_new(self, key: str, problem: str) -> bool:
        """Whether it is not what was told of `key` last; it is told now."""
        if self._problems.get(key) == problem:
            return False
        self._problems.pop(key, None)
        self._problems[key] = problem
        if len(self._problems) > self._most:
            del self._problems[next(iter(self._problems))]
        return True

    def forget(self, *keys: str) -> None:
        """These have no problem now."""
        for key in keys:
            self._problems.pop(key, None)
