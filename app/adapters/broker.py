"""The Dramatiq broker on Redis: bounded time-outs, quick recovery of what a killed worker held, no stock retries."""

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Retries


def open_broker(redis_url: str, *, namespace: str = "registrywatcher") -> RedisBroker:
    """A broker that connects at its first message; nothing is asked of Redis here.

    Attempts, back-off and dead letters are columns in Postgres, so a message is never retried by the broker. The
    maintenance chance (in a million) and the heartbeat bring back a killed worker's messages within seconds.
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
