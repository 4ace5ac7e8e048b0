"""An idle worker waits in Redis: few commands, no message lost, none taken that it has no room for."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import redis
from dramatiq.broker import Consumer, MessageProxy
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.adapters.broker import WaitingBroker, WaitingConsumer
from app.adapters.waker import QUEUE, PromptWaker
from tests.processes import until
from tests.servers.toxic import ToxicProxy

_WAIT = 60_000  # milliseconds: only a message ends it within this test


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[ToxicProxy]:
    async with ToxicProxy(redis_url) as proxy:
        yield proxy


def _opened(proxy: ToxicProxy, timeout: float | None = None) -> WaitingBroker:
    client = redis.Redis.from_url(proxy.url, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))
    return WaitingBroker(client=client, middleware=[])


def _waits(proxy: ToxicProxy) -> int:
    return sum(b"BLPOP" in each for each in proxy.heard)


async def _wake(broker: WaitingBroker, key: str) -> None:
    await asyncio.to_thread(PromptWaker(broker).wake, "step", key)


async def _next_key(consumer: Consumer) -> str:
    message = await asyncio.to_thread(next, consumer)
    return "" if message is None else str(message.args[0])


async def test_a_message_ends_the_wait(proxy: ToxicProxy) -> None:
    broker = _opened(proxy)
    consumer = broker.consume(QUEUE, prefetch=2, timeout=_WAIT)
    waiting = asyncio.create_task(_next_key(consumer))
    await until(lambda: _waits(proxy) == 1, "it waits", within=60)
    await _wake(broker, "a")
    assert await waiting == ""
    assert await _next_key(consumer) == "a"
    assert _waits(proxy) == 1


async def test_a_message_wakes_one_of_those_that_wait(proxy: ToxicProxy) -> None:
    brokers = [_opened(proxy) for _ in range(3)]
    consumers = [each.consume(QUEUE, prefetch=2, timeout=_WAIT) for each in brokers]
    waiting = [asyncio.create_task(_next_key(each)) for each in consumers]
    await until(lambda: _waits(proxy) == 3, "all wait", within=60)
    for key in ("a", "b", "c"):
        left = [each for each in waiting if not each.done()]
        await _wake(brokers[0], key)
        await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        assert sum(each.done() for each in left) == 1


async def test_rings_that_nobody_heard_are_few(proxy: ToxicProxy, redis_url: str) -> None:
    broker = _opened(proxy)
    for number in range(40):
        await _wake(broker, str(number))
    consumer = broker.consume(QUEUE, prefetch=100, timeout=10)
    assert [await _next_key(consumer) for _ in range(40)] == [str(number) for number in range(40)]
    heard = len(proxy.heard)
    with redis.Redis.from_url(redis_url) as client:
        while client.keys("*.bell"):
            assert await _next_key(consumer) == ""
    assert len(proxy.heard) - heard <= 2 * 16


async def test_without_room_it_asks_nothing(proxy: ToxicProxy) -> None:
    broker = _opened(proxy)
    for key in ("a", "b"):
        await _wake(broker, key)
    consumer = broker.consume(QUEUE, prefetch=1, timeout=_WAIT)
    message = await asyncio.to_thread(next, consumer)
    assert message is not None
    heard = len(proxy.heard)
    assert await _next_key(consumer) == ""
    assert len(proxy.heard) == heard
    await asyncio.to_thread(consumer.ack, message)
    assert await _next_key(consumer) == "b"


async def test_an_idle_worker_asks_two_things_a_wait(proxy: ToxicProxy) -> None:
    consumer = _opened(proxy).consume(QUEUE, prefetch=2, timeout=10)
    assert await _next_key(consumer) == ""
    heard = len(proxy.heard)
    for _ in range(10):
        assert await _next_key(consumer) == ""
    assert len(proxy.heard) - heard == 20


@pytest.mark.parametrize("done", [WaitingConsumer.ack, WaitingConsumer.nack])
@pytest.mark.parametrize("silent", [False, True])
async def test_a_redis_that_is_away_when_a_step_is_done_is_no_error(
    proxy: ToxicProxy, silent: bool, done: Callable[[Consumer, MessageProxy], None]
) -> None:
    """Whoever woke it has nothing to do with that; at worst the message comes again when a worker starts."""
    broker = _opened(proxy, timeout=0.2)
    await _wake(broker, "a")
    consumer = broker.consume(QUEUE, prefetch=2, timeout=10)
    message = await asyncio.to_thread(next, consumer)
    assert message is not None
    if silent:
        proxy.black_hole = True
    else:
        await proxy.unplug()
    await asyncio.to_thread(done, consumer, message)
    if silent:
        proxy.black_hole = False
    else:
        await proxy.plug()
    await _wake(broker, "b")
    assert await _next_key(consumer) == "b"
