"""The time from a push to its registration at Nomad: our real processes, and a registry and a Nomad without delays.

    python -m tests.bench.latency [--pushes 100] [--rate 10] [--repositories 20]

The clock starts when the tag is linked and its event leaves the registry, and stops in the Nomad simulator's ledger;
both run in this process. Idle: one push after the other. Then a fixed rate of pushes, each to the next repository.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey
from app.simulators.registry import LocalRegistry, RegistryNotifications
from tests.e2e.site import PREFIX, SECRET, Site, site
from tests.processes import until
from tests.servers.local_registry import local_registry
from tests.servers.postgres import migrate

BAR_P50, BAR_P99 = 0.060, 0.250
_WARM_UP = 10
_LOST = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The measured parts."""

    installation: Site
    registry: LocalRegistry
    host: str
    names: list[str]

    async def idle(self, pushes: int, *, major: int) -> list[float]:
        """Seconds of each push, one after the other, each to the next repository."""
        return [await self._push(number, major) for number in range(pushes)]

    async def steady(self, pushes: int, *, rate: float, major: int) -> list[float]:
        """Seconds of each push at this rate, whether or not earlier pushes have arrived."""
        start, running = time.monotonic(), []
        for number in range(pushes):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            running.append(asyncio.create_task(self._push(number, major)))
        return await asyncio.gather(*running)

    async def _push(self, number: int, major: int) -> float:
        name, tag = self.names[number % len(self.names)], f"v{major}.{number}.0"
        pushed_at = time.time()
        digest = self.registry.push(f"{PREFIX}/{name}", tag, content=f"{name} {tag}")
        image = f"{self.host}/{PREFIX}/{name}:{tag}@{digest}"
        registered_at: float = await until(lambda: self._registered_at(name, image), image, within=_LOST)
        return registered_at - pushed_at

    def _registered_at(self, name: str, image: str) -> float:
        """The time when the simulator accepted the image; 0.0 before that."""
        entries = self.installation.nomad.ledger.entries(job=name)
        return next((each.time for each in reversed(entries) if image in each.images.values()), 0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pushes", type=int, default=200)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--repositories", type=int, default=20)
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="registrywatcher-")))
        directory.chmod(0o711)
        postgres = stack.enter_context(EmbeddedPostgres(directory))
        valkey = stack.enter_context(EmbeddedValkey(directory))
        migrate(postgres.url)
        servers = {"database_url": postgres.url, "redis_url": valkey.url}
        quiet = {"REGISTRYWATCHER_LOG_LEVEL": "warning"}
        registry, url = stack.enter_context(local_registry())
        installation = stack.enter_context(site(directory, **servers, **quiet))
        names = [f"app{number}" for number in range(options.repositories)]
        run = Run(installation=installation, registry=registry, host=url.partition("://")[2], names=names)
        return asyncio.run(_measure(run, options))


async def _measure(run: Run, options: argparse.Namespace) -> int:
    installation = run.installation
    installation.configure(run.names, host=run.host, head='poll_interval = "1h"')
    for name in run.names:
        digest = run.registry.push(f"{PREFIX}/{name}", "v1.0.0", content=name)
        installation.run_job(name, f"{run.host}/{PREFIX}/{name}:v1.0.0@{digest}")
    await installation.run("web", "worker", "poller")
    async with installation.api() as api:
        for name in run.names:
            await installation.holds(api, name, "up_to_date")
    run.registry.notify(RegistryNotifications(url=installation.hook, headers={"Authorization": f"Bearer {SECRET}"}))
    await run.idle(_WARM_UP, major=2)
    print("from a push to its registration at Nomad:")
    before = _cpu(installation)
    missed = _report("idle", await run.idle(options.pushes, major=3))
    missed |= _report(f"{options.rate:g} pushes/s", await run.steady(options.pushes, rate=options.rate, major=4))
    spent = {name: (now - before[name]) / options.pushes / 2 * 1000 for name, now in _cpu(installation).items()}
    print(f"  CPU a push:  {', '.join(f'{name} {milliseconds:.1f} ms' for name, milliseconds in spent.items())}")
    return int(missed)


def _cpu(installation: Site) -> dict[str, float]:
    """Seconds of CPU of each of our processes so far: a figure that a busy machine does not change."""
    found = {}
    for process in installation.processes:
        fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(")")[2].split()
        found[process.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def _report(what: str, took: list[float]) -> bool:
    """Print the figures; True when they miss the limit."""
    took.sort()
    p50, p99 = (took[int((len(took) - 1) * part)] for part in (0.5, 0.99))
    missed = p50 > BAR_P50 or p99 > BAR_P99
    message = " - missed" if missed else ""
    print(
        f"  {what:12} {len(took)} pushes   p50 {p50 * 1000:5.1f} ms   p99 {p99 * 1000:5.1f} ms"
        f"   (bars: {BAR_P50 * 1000:.0f} and {BAR_P99 * 1000:.0f} ms){message}"
    )
    return missed


if __name__ == "__main__":
    sys.exit(main())
