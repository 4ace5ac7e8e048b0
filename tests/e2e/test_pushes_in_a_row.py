"""Given no poller, when hundreds of pushes follow one another, then each is found by its webhook alone, late tags too.

The registry sends the event before the tag exists. Each push waits until Nomad has the previous one, so a missed push
stays missed, and the test stops there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from app.simulators.registry import LocalRegistry, RegistryNotifications
from tests.e2e.site import PREFIX, SECRET, Site, change
from tests.faults.sizes import moves
from tests.servers.local_registry import local_registry
from tests.servers.registry import Endpoint, RealRegistry, push_image

HEADERS = {"Authorization": f"Bearer {SECRET}"}
# Half of the repositories follow releases, so each push is a new tag; the others are pinned to one tag that moves.
FOLLOWING = [f"follow{number}" for number in range(5)]
PINNED = [f"pinned{number}" for number in range(5)]
NAMES = [*FOLLOWING, *PINNED]
PUSHES_EACH = moves(ci=10, long=50)

Push = Callable[[str, str, str], Awaitable[str]]


async def prepared(installation: Site, names: Sequence[str], *, host: str, push: Push) -> None:
    """Web and worker run; every job runs its first image."""
    installation.configure(names, host=host, head='poll_interval = "1h"')
    for name in names:
        tag = "test" if name in PINNED else "v1.0.0"
        digest = await push(name, tag, f"{name} first")
        installation.run_job(name, f"{host}/{PREFIX}/{name}:{tag}@{digest}")
    await installation.run("web", "worker")
    async with installation.api() as api:
        for name in names:
            if name in PINNED:
                await change(api, name, auto_deploy=False)
                await change(api, name, pinned_tag="test")
                await change(api, name, auto_deploy=True)
            await installation.holds(api, name, "up_to_date")


async def pushed_in_a_row(installation: Site, name: str, times: int, *, host: str, push: Push) -> list[float]:
    """Push that often, each after the registration of the previous push. Returns the seconds of each."""
    took = []
    for number in range(1, times + 1):
        tag = "test" if name in PINNED else f"v1.{number}.0"
        began = time.monotonic()
        digest = await push(name, tag, f"{name} {number}")
        await installation.registers(name, f"{host}/{PREFIX}/{name}:{tag}@{digest}")
        took.append(time.monotonic() - began)
    return took


def registered_once_each(installation: Site, name: str, times: int) -> bool:
    """Whether the ledger has exactly the pushes, and at most a person's earlier pin."""
    images = installation.registered(name)
    return len(images) == len(set(images)) and len(images) - times in ((0, 1) if name in PINNED else (0,))


def describe(what: str, took: list[float]) -> None:
    took.sort()
    p50, p99, most = (took[int((len(took) - 1) * part)] * 1000 for part in (0.5, 0.99, 1))
    print(f"{what}: {len(took)} pushes, registered after p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {most:.0f} ms")


async def test_no_push_to_the_real_registry_is_missed(installation: Site) -> None:
    endpoint = Endpoint(url=installation.hook, headers=HEADERS)
    with RealRegistry(notifications=[endpoint]) as registry:
        async with registry.client() as client:

            async def push(name: str, tag: str, content: str) -> str:
                return await push_image(client, f"{PREFIX}/{name}", tag, content=content)

            await prepared(installation, NAMES, host=registry.host, push=push)
            lanes = [pushed_in_a_row(installation, name, PUSHES_EACH, host=registry.host, push=push) for name in NAMES]
            took = [seconds for lane in await asyncio.gather(*lanes) for seconds in lane]
    describe("docker-registry", took)
    assert len(took) == PUSHES_EACH * len(NAMES)
    assert [name for name in NAMES if not registered_once_each(installation, name, PUSHES_EACH)] == []


@pytest.mark.parametrize(("delay", "times"), [(0.05, 20), (0.3, 10), (1.0, 5)])
async def test_none_is_missed_when_the_tag_comes_late(installation: Site, delay: float, times: int) -> None:
    names = ["follow0", "follow1", "pinned0", "pinned1"]
    with local_registry() as (registry, url):
        host = url.partition("://")[2]

        async def push(name: str, tag: str, content: str) -> str:
            return registry.push(f"{PREFIX}/{name}", tag, content=content)

        await prepared(installation, names, host=host, push=push)
        be_late(registry, installation.hook, delay)
        lanes = [pushed_in_a_row(installation, name, times, host=host, push=push) for name in names]
        took = [seconds for lane in await asyncio.gather(*lanes) for seconds in lane]
    describe(f"tags {delay * 1000:.0f} ms late", took)
    assert min(took) >= delay
    assert [name for name in names if not registered_once_each(installation, name, times)] == []


def be_late(registry: LocalRegistry, hook: str, delay: float) -> None:
    """From now on the registry sends each event to our web process, and links the tag that many seconds later."""
    registry.notify(RegistryNotifications(url=hook, headers=HEADERS))
    registry.link_delay = delay
