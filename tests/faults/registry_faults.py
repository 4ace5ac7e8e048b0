"""The fault classes of the registry, and of what is told about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from app.simulators.registry import BearerAuth
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
async def _late_digests(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Every answer about a digest is late, so that the tag moves between the list and the digest."""
    fault = RegistryFault(path="/v2/team/.*/manifests/.*", action=Hang(seconds=0.4), times=100_000)
    async with _spoiled(scene, met, fault=fault):
        yield


@asynccontextmanager
async def _tokens_end(scene: Scene, met: Met) -> AsyncIterator[None]:
    """The registry asks for a token, which is short-lived, and all are revoked now and then."""
    registry = scene.ours.registry
    former, issued = registry.settings, registry.tokens.issued
    registry.settings = replace(former, auth=BearerAuth(users={}, lifetime=1.0, anonymous_pull=True))

    async def revoke() -> None:
        registry.tokens.revoke_all()

    try:
        async with again(revoke, every=0.25):
            yield
    finally:
        registry.settings = former
        met.count += registry.tokens.issued - issued


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
    "tags move between list and digest": Fault(strike=_late_digests),
    "tokens end": Fault(strike=_tokens_end),
    "tags deleted": Fault(strike=_deleted),
    **{
        f"event {round(1000 * seconds)} ms before its tag": Fault(strike=partial(_events_first, seconds=seconds))
        for seconds in (0.05, 0.3, 1.0)
    },
}
