"""The Dramatiq broker on Redis: short time-outs, quick recovery of a killed worker's messages, no retries."""

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Retries


def open_broker(redis_url: str, *, namespace: str = "registrywatcher") -> RedisBroker:
    """A broker that connects at its first message; this function sends nothing to Redis.

    Attempts, backoff and dead letters are columns in Postgres, so the broker never retries a message. The maintenance
    chance (in a million) and the heartbeat let it recover a killed worker's messages within seconds.
    """
    client = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2, health_check_interval=15)
    broker: RedisBroker = RedisBroker(  # type: ignore[no-untyped-call]
        client=client,
        namespace=namespace,
        heartbeat_timeout=15_000,
        maintenance_chance=100_000,
        middleware=[Retries(max_retries=0), AsyncIO()],
    )
    dramatiq.set_broker(broker)
    return broker
