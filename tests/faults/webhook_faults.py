"""The fault classes of what senders deliver: nothing, too often, late, out of order, false, malformed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from tests.faults.delivery_sender import body
from tests.faults.fault_class import Fault, Met, again
from tests.faults.scene import NAMES, Scene

_DAY = 24 * 3600.0


@asynccontextmanager
async def _false(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Authenticated events about digests that the registry does not serve, of tags that exist and of higher ones."""

    async def lie() -> None:
        met.count += 1
        tag = scene.random.choice(("v1.0.0", "v99.0.0"))
        await scene.sender.send(
            body(scene.ours, scene.random.choice(NAMES), tag, f"sha256:{scene.random.getrandbits(256):064x}")
        )

    async with again(lie, every=0.01):
        yield


@asynccontextmanager
async def _malformed(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Bodies cut anywhere, and bodies with a byte changed; each is taken, or its sender would never come past it."""

    async def spoil() -> None:
        met.count += 1
        whole = body(scene.ours, scene.random.choice(NAMES), "v99.0.0", f"sha256:{scene.random.getrandbits(256):064x}")
        place = scene.random.randrange(len(whole))
        changed = whole[:place] + bytes([scene.random.randrange(256)]) + whole[place + 1 :]
        await scene.sender.send(scene.random.choice((whole[:place], changed)))

    async with again(spoil, every=0.01):
        yield


@asynccontextmanager
async def _old_again(scene: Scene, met: Met, *, ago: float) -> AsyncIterator[None]:
    """Deliveries of earlier pushes come again, in any order, after their tags have moved on."""

    async def deliver() -> None:
        name = scene.random.choice(NAMES)
        repository = f"team/{name}"
        tag = scene.random.choice(scene.ours.registry.contents.tags(repository) or ("v1.0.0",))
        change = scene.random.choice(scene.ours.registry.history(repository, tag))
        met.count += 1
        await scene.sender.send(body(scene.ours, name, tag, change.digest or "", at=change.at - ago))

    async with again(deliver, every=0.01):
        yield


@asynccontextmanager
async def _ten_times(scene: Scene, met: Met) -> AsyncIterator[None]:
    """Each delivery comes ten more times, the same event id, in random order, over several connections."""
    repeated = len(scene.sender.pushed)

    async def repeat() -> None:
        nonlocal repeated
        newer = scene.sender.pushed[repeated:]
        repeated += len(newer)
        met.count += len(newer)
        await scene.sender.send_all(newer, times=10, connections=4)

    async with again(repeat, every=0.5):
        yield
    await repeat()


WEBHOOKS = {
    "false": Fault(strike=_false),
    "malformed": Fault(strike=_malformed),
    "old ones again": Fault(strike=partial(_old_again, ago=0.0)),
    "a day late": Fault(strike=partial(_old_again, ago=_DAY)),
    "ten times": Fault(strike=_ten_times),
}
