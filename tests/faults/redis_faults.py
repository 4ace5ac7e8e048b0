"""The fault classes of Redis. It carries only hints, so no webhook may be refused and nothing may be lost."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import redis
import redis.asyncio

from tests.faults.fault_class import Fault, Met, again, counting, replies_cut
from tests.faults.scene import Scene

_BUSY = "while true do end"
_LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
_GARBAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def _killed(scene: Scene, met: Met) -> AsyncIterator[None]:
    """It comes back with nothing of what it had."""
    await asyncio.to_thread(scene.valkey.kill)
    met.count += 1
    try:
        yield
    finally:
        await asyncio.to_thread(scene.valkey.start)
        await _on(scene, "FLUSHALL")


@asynccontextmanager
async def _frozen(scene: Scene, met: Met) -> AsyncIterator[None]:
    with counting(met, lambda: scene.redis.accepted):
        scene.valkey.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            scene.valkey.signal(signal.SIGCONT)


@asynccontextmanager
async def _flushed(scene: Scene, met: Met) -> AsyncIterator[None]:
    async def flush() -> None:
        met.count += 1
        await _on(scene, "FLUSHALL")

    async with again(flush, every=0.2):
        yield


@asynccontextmanager
async def _silent(scene: Scene, met: Met) -> AsyncIterator[None]:
    with counting(met, lambda: scene.redis.accepted):
        scene.redis.black_hole = True
        try:
            yield
        finally:
            scene.redis.black_hole = False
            scene.redis.cut()  # a reply that was lost never comes


@asynccontextmanager
async def _answers(scene: Scene, met: Met, *, answer: bytes) -> AsyncIterator[None]:
    with counting(met, lambda: scene.redis.answered):
        scene.redis.answer_with = answer
        try:
            yield
        finally:
            scene.redis.answer_with = None
            scene.redis.cut()


@asynccontextmanager
async def _read_only(scene: Scene, met: Met) -> AsyncIterator[None]:
    async with _errors(scene, met, "READONLY"):
        await _on(scene, "REPLICAOF", "127.0.0.1", "1")
        try:
            yield
        finally:
            await _on(scene, "REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def _full(scene: Scene, met: Met) -> AsyncIterator[None]:
    async with _errors(scene, met, "OOM"):
        await _on(scene, "CONFIG", "SET", "maxmemory", "1")
        try:
            yield
        finally:
            await _on(scene, "CONFIG", "SET", "maxmemory", "0")


@asynccontextmanager
async def _busy(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Somebody's script does not end."""
    await _on(scene, "CONFIG", "SET", "lua-time-limit", "10")
    async with _errors(scene, met, "BUSY"):
        script = asyncio.create_task(_on(scene, "EVAL", _BUSY, "0"))
        try:
            yield
        finally:
            await _on(scene, "SCRIPT", "KILL")
            await asyncio.gather(script, return_exceptions=True)


@asynccontextmanager
async def _another_password(scene: Scene, met: Met) -> AsyncIterator[None]:
    password = redis.Redis.from_url(scene.valkey.url).connection_pool.connection_kwargs["password"]
    async with redis.asyncio.Redis.from_url(scene.valkey.url, single_connection_client=True) as known:
        await known.config_resetstat()
        await known.config_set("requirepass", "another")
        await known.client_kill_filter(_type="normal", skipme=True)
        try:
            yield
        finally:
            met.count += await _count(known, "WRONGPASS")
            await known.config_set("requirepass", password)


@asynccontextmanager
async def _errors(scene: Scene, met: Met, name: str) -> AsyncIterator[None]:
    """Count the errors of this name that the server gave to its clients meanwhile."""
    await _on(scene, "CONFIG", "RESETSTAT")
    yield
    async with redis.asyncio.Redis.from_url(scene.valkey.url) as client:
        met.count += await _count(client, name)


async def _count(client: "redis.asyncio.Redis", error: str) -> int:
    """How many clients got this error since the statistics were reset."""
    errors = await client.info("errorstats")
    return int(errors.get(f"errorstat_{error}", {"count": 0})["count"])


async def _on(scene: Scene, *command: str) -> None:
    """Run a command past the proxy."""
    async with redis.asyncio.Redis.from_url(scene.valkey.url) as client:
        await client.execute_command(*command)  # type: ignore[no-untyped-call]


# Most commands are scripts of Dramatiq.
_REPLIES_CUT = partial(replies_cut, proxy=lambda scene: scene.redis, most=20, every=0.02)

REDIS = {
    "killed and empty": Fault(strike=_killed, outage="Redis", slows=False),
    "frozen": Fault(strike=_frozen, outage="Redis", slows=False),
    "flushed": Fault(strike=_flushed, slows=False),
    "silent": Fault(strike=_silent, outage="Redis", slows=False),
    "replies cut": Fault(strike=_REPLIES_CUT, slows=False),
    "LOADING": Fault(strike=partial(_answers, answer=_LOADING), outage="Redis", slows=False),
    "garbage": Fault(strike=partial(_answers, answer=_GARBAGE), outage="Redis", slows=False),
    "READONLY": Fault(strike=_read_only, outage="Redis", slows=False),
    "OOM": Fault(strike=_full, outage="Redis", slows=False),
    "BUSY": Fault(strike=_busy, outage="Redis", slows=False),
    "another password": Fault(strike=_another_password, outage="Redis", slows=False),
}
