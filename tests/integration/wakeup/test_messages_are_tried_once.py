"""Given a step that ends in the middle, then Dramatiq tries its message no second time: attempts are rows in Postgres.

A delayed message would hang after a restart of Redis, and would come beside the sweeper's.
"""

import asyncio
from collections.abc import Iterator

import dramatiq
import pytest
import redis
from dramatiq import Worker
from dramatiq.brokers.redis import RedisBroker

from app.adapters.broker import open_broker, quieten_consumers
from app.adapters.waker import QUEUE, PromptWaker
from app.bootstrap import Services
from app.services.processes.steps import Steps
from app.services.wakeup.wake import FOLLOW, NOTIFY, RECONCILE
from tests.processes import until
from workers.actors import declare_actors

_DELAYED, _DEAD = f"registrywatcher:{QUEUE}.DQ.msgs", f"registrywatcher:{QUEUE}.XQ"
_KEYS = {RECONCILE: "1", FOLLOW: "00000000-0000-0000-0000-000000000001", NOTIFY: "1"}


@pytest.fixture
def broker(redis_url: str) -> Iterator[RedisBroker]:
    """A worker process's broker, with one thread of work."""
    made = open_broker(redis_url)
    yield made
    made.close()


def _work(broker: RedisBroker) -> Worker:
    quieten_consumers(QUEUE)
    worker = Worker(broker, worker_timeout=20, worker_threads=1)
    worker.start()
    return worker


def _cancelled() -> Services:
    """As when the process is being stopped: no guard of a step may take this for an error."""
    raise asyncio.CancelledError


async def test_a_cancelled_step_is_left_to_the_sweeper(broker: RedisBroker, redis_url: str) -> None:
    declare_actors(broker, _cancelled, Steps())
    worker = await asyncio.to_thread(_work, broker)
    try:
        for actor, key in _KEYS.items():
            PromptWaker(broker).wake(actor, key)
        with redis.Redis.from_url(redis_url) as client:
            await until(lambda: client.zcard(_DEAD) + client.hlen(_DELAYED) == 3, "three messages ended", within=60)
            assert client.hlen(_DELAYED) == 0
    finally:
        await asyncio.to_thread(worker.stop)


async def test_an_actor_that_says_nothing_of_retries_has_none(broker: RedisBroker, redis_url: str) -> None:
    def fail() -> None:
        raise ValueError("made up")

    failing = dramatiq.actor(actor_name="failing", queue_name=QUEUE, broker=broker)(fail)
    worker = await asyncio.to_thread(_work, broker)
    try:
        failing.send()
        with redis.Redis.from_url(redis_url) as client:
            await until(lambda: client.zcard(_DEAD) + client.hlen(_DELAYED) == 1, "the message ended", within=60)
            assert client.hlen(_DELAYED) == 0
    finally:
        await asyncio.to_thread(worker.stop)
