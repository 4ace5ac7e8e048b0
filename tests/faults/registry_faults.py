"""The fault classes of the registry, and of what is told about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from app.simulators.registry.faults import FaultAnswer, Hang, RegistryFault, Reset
from tests.faults.fault_class import Fault, Met, again
from tests.faults.scene import NAMES, Scene

_ANY = "/v2/team/.*"


@asynccontextmanager
async def _spoiled(scene: Scene, met: Met, *, fault: RegistryFault) -> AsyncIterator[None]:
    """Some of its answers fail, again and again."""
    faults = scene.ours.registry.faults

    async def spoil() -> None:
        if not faults.left():
            faults.add(fault)
            met.count += fault.times

    try:
        async with again(spoil, every=0.1):
            yield
    finally:
        met.count -= sum(left for _, left in faults.left())
        faults.clear()


@asynccontextmanager
async def _events_first(scene: Scene, met: Met, *, seconds: float) -> AsyncIterator[None]:
    """The event comes that long before the tag is linked, so that a quick receiver reads the old digest."""
    scene.ours.registry.link_delay = seconds
    met.count += 1
    try:
        yield
    finally:
        scene.ours.registry.link_delay = 0.0
        await asyncio.sleep(seconds)  # the last one is linked


@asynccontextmanager
async def _deleted(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Tags that nobody follows come and go beside the others, also while a list is read."""

    async def delete() -> None:
        name = scene.random.choice(NAMES)
        scene.ours.registry.push(f"team/{name}", "v0.0.1", content=f"{name} old")
        met.count += scene.ours.registry.delete_tag(f"team/{name}", "v0.0.1")

    async with again(delete, every=0.01):
        yield


REGISTRY = {
    "503": Fault(strike=partial(_spoiled, fault=RegistryFault(path=_ANY, action=FaultAnswer(status=503), times=5))),
    "429 with Retry-After": Fault(
        strike=partial(
            _spoiled, fault=RegistryFault(path=_ANY, action=FaultAnswer(status=429, retry_after="1"), times=2)
        )
    ),
    "hang": Fault(strike=partial(_spoiled, fault=RegistryFault(path=_ANY, action=Hang(seconds=1.5), times=5))),
    "reset": Fault(strike=partial(_spoiled, fault=RegistryFault(path=_ANY, action=Reset(), times=5))),
    "tags deleted": Fault(strike=_deleted),
    **{
        f"event {round(1000 * seconds)} ms before its tag": Fault(strike=partial(_events_first, seconds=seconds))
        for seconds in (0.05, 0.3, 1.0)
    },
}
