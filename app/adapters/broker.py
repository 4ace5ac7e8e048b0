"""The Dramatiq broker on Redis: short time-outs, quick recovery of a killed worker's messages, no retries, consumers
that wait in Redis; and the question whether Redis answers."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import dramatiq
import redis
import redis.asyncio
from dramatiq.broker import MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import BrokerConnectionError, ConnectionClosed
from dramatiq.middleware import AsyncIO, Retries
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from app.errors import Transient

_TIMEOUT = 2  # seconds for an answer of Redis
_MOST_RINGS = 16  # that wait to be heard: each costs a worker, once it is idle, a question for nothing
_RING = "if redis.call('llen', KEYS[1]) < tonumber(ARGV[1]) then redis.call('rpush', KEYS[1], '') end"
_FULL_PAUSE = 0.02  # seconds until a consumer looks again whether one of its messages is done


class WaitingConsumer(_RedisConsumer):
    """Waits in Redis for a bell, where Dramatiq's own consumer asks again and again: an idle worker costs next to
    nothing, and takes a message as soon as it arrives. `timeout` is in milliseconds, less than `_TIMEOUT`.

    A bell that nobody hears, such as that of a worker which dies just then, costs this wait at most.
    """

    def __init__(self, broker: RedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout=0)  # type: ignore[no-untyped-call]  # it never sleeps
        self._bell = _bell(broker, queue_name)
        self._seconds = timeout / 1000

    def __next__(self) -> MessageProxy | None:
        """The next message; None after a wait, at whose end there may be one."""
        message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        if message is None:
            self._wait()
        return message

    def ack(self, message: MessageProxy) -> None:
        """See Consumer. A Redis that does not take it keeps the message for the next start of a worker: it is a hint
        that may come twice. Dramatiq would hold the thread, and log an error for each message."""
        with suppress(redis.RedisError, BrokerConnectionError):
            super().ack(message)  # type: ignore[no-untyped-call]

    def nack(self, message: MessageProxy) -> None:
        """See `ack`."""
        with suppress(redis.RedisError, BrokerConnectionError):
            super().nack(message)  # type: ignore[no-untyped-call]

    def _wait(self) -> None:
        if self.outstanding_message_count >= self.prefetch:
            time.sleep(_FULL_PAUSE)
            return
        try:
            self.broker.client.blpop([self._bell], self._seconds)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


class WaitingBroker(RedisBroker):
    """A broker whose consumers wait in Redis. Each message rings for one of them."""

    def __init__(self, *, client: redis.Redis, **options: Any) -> None:
        super().__init__(client=client, **options)  # type: ignore[no-untyped-call]
        self._ring = client.register_script(_RING)

    @property
    def consumer_class(self) -> type[WaitingConsumer]:
        return WaitingConsumer

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """See RedisBroker."""
        enqueued = super().enqueue(message, delay=delay)
        self._ring(keys=[_bell(self, enqueued.queue_name)], args=[_MOST_RINGS])
        return enqueued


def _bell(broker: RedisBroker, queue_name: str) -> str:
    """The key of the list with a ring for each message that arrived while nobody waited."""
    return f"{broker.namespace}:{queue_name}.bell"


def open_broker(redis_url: str, *, namespace: str = "registrywatcher") -> WaitingBroker:
    """A broker that connects at its first message; this function sends nothing to Redis.

    Attempts, backoff and dead letters are columns in Postgres, so the broker never retries a message. The maintenance
    chance (in a million) and the heartbeat let it recover a killed worker's messages within seconds.
    """
    client = redis.Redis.from_url(
        redis_url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        health_check_interval=15,
        retry=Retry(ConstantBackoff(0.05), 1),  # once, for a connection that Redis closed meanwhile
    )
    broker = WaitingBroker(
        client=client,
        namespace=namespace,
        heartbeat_timeout=15_000,
        maintenance_chance=100_000,
        middleware=[Retries(max_retries=0), AsyncIO()],
    )
    dramatiq.set_broker(broker)
    return broker


def quieten_consumers(*queues: str) -> None:
    """Let the consumers of these queues log nothing about Redis: Dramatiq would log each try, every three seconds."""
    for queue in queues:
        for name in (queue, f"{queue}.DQ"):
            logging.getLogger(f"dramatiq.worker.ConsumerThread({name})").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    is_outage = record.levelno >= logging.CRITICAL and (error is None or isinstance(error, redis.RedisError))
    return not is_outage and record.levelno > logging.INFO


class RedisProbe:
    """Asks Redis on a connection of its own. A Redis that answers, and accepts no messages, counts as silent: `lost`
    returns why messages are lost now, "" when they arrive."""

    def __init__(self, redis_url: str, lost: Callable[[], str], *, within: float) -> None:
        self._lost = lost
        self._client = redis.asyncio.Redis.from_url(
            redis_url, socket_timeout=within, socket_connect_timeout=within, retry=Retry(NoBackoff(), 0)
        )

    async def __call__(self) -> None:
        """Return once Redis answered; raises what the driver raises, or Transient."""
        try:
            await self._client.ping()
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise Transient(
                f"Redis refuses us: {str(error)[:200]}; check the user and the password in REDIS_URL"
            ) from error
        if lost := self._lost():
            raise Transient(lost)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()
