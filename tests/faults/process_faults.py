"""The fault classes of our own processes: killed, frozen and stopped at any moment, and started again."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx

from tests.cluster import Process, until
from tests.faults.fault_class import Fault, Met, Pace, again
from tests.faults.scene import LEASE, Scene

_SLOW_STORE = 0.015  # seconds for each chunk each way, so that a kill meets a request


@asynccontextmanager
async def _killed(scene: Scene, met: Met, *, kind: str) -> AsyncIterator[None]:
    """SIGKILL one process after the other at random moments; each is started again before the next."""
    pace = Pace(scene=scene)

    async def kill() -> None:
        await asyncio.sleep(scene.random.uniform(0, 0.3))
        (killed, *_) = scene.site.running(kind)
        met.count += 1
        await _replace(scene, killed)
        pace.struck()

    async with again(kill, every=0.0, enough=pace):
        yield


@asynccontextmanager
async def _web_killed(scene: Scene, met: Met) -> AsyncIterator[None]:
    """SIGKILL a web in the middle of requests: whoever sent them learns nothing. Met is each post that was cut off."""

    pace = Pace(scene=scene, pushes=10)

    async def kill() -> None:
        asked = [each for each in scene.site.running("web") if each.url == scene.sender.asked]
        await asyncio.sleep(_SLOW_STORE * scene.random.uniform(0, 6))
        for killed in asked:
            await _replace(scene, killed)
            pace.struck()
        met.count = sum(not isinstance(error, httpx.ConnectError) for error in scene.sender.unanswered)

    scene.store.latency = _SLOW_STORE
    try:
        async with again(kill, every=0.1, enough=lambda: pace() and bool(scene.sender.asked)):
            yield
    finally:
        scene.store.latency = 0.0


async def _replace(scene: Scene, killed: Process) -> None:
    """Kill the process, and start another in its place; returns when that one answers."""
    killed.kill()
    started = scene.site.restart(killed)

    async def answers() -> bool:
        return (await scene.site.answer_of(started.name))[0] == 200

    await until(answers, f"{started.name} answers", within=60)


@asynccontextmanager
async def _frozen(scene: Scene, met: Met, *, kind: str) -> AsyncIterator[None]:
    """SIGSTOP one process past its lease, then SIGCONT: it goes on in the middle of what it did."""
    pace = Pace(scene=scene)

    async def freeze() -> None:
        frozen = scene.random.choice(scene.site.running(kind))
        frozen.signal(signal.SIGSTOP)
        met.count += 1
        try:
            await asyncio.sleep(LEASE + 0.5)
        finally:
            frozen.signal(signal.SIGCONT)
        pace.struck()

    async with again(freeze, every=0.3, enough=pace):
        yield


PROCESSES = {
    "web killed in requests": Fault(strike=_web_killed, least=5, refuses=True, cuts=True),
    "workers killed": Fault(strike=partial(_killed, kind="worker")),
    "poller killed": Fault(strike=partial(_killed, kind="poller")),
    "workers frozen": Fault(strike=partial(_frozen, kind="worker")),
    "poller frozen": Fault(strike=partial(_frozen, kind="poller")),
    "webs frozen": Fault(strike=partial(_frozen, kind="web"), refuses=True, cuts=True),
}
