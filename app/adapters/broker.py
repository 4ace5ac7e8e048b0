"""The Dramatiq broker on Redis: short time-outs, quick recovery of a killed worker's messages, no retries; and the
question whether Redis answers."""

import logging
from collections.abc import Callable

import dramatiq
import redis
import redis.asyncio
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Retries
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from app.errors import Transient


def open_broker(redis_url: str, *, namespace: str = "registrywatcher") -> RedisBroker:
    """A broker that connects at its first message; this function sends nothing to Redis.

    Attempts, backoff and dead letters are columns in Postgres, so the broker never retries a message. The maintenance
    chance (in a million) and the heartbeat let it recover a killed worker's messages within seconds.
    """
    client = redis.Redis.from_url(
        redis_url,
        socket_timeout=2,
        socket_connect_timeout=2,
        health_check_interval=15,
        retry=Retry(ConstantBackoff(0.05), 1),  # once, for a connection that Redis closed meanwhile
    )
    broker: RedisBroker = RedisBroker(  # type: ignore[no-untyped-call]
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
