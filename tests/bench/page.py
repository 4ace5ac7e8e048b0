"""The speed of the list of repositories at 1,000 and at 10,000 watches: the real web process, Postgres, and a browser's
request.

    python -m tests.bench.page [--requests 60]

Alternating slices of both sizes against two web processes of one Postgres, the median of each. The limits are: at 1,000
watches p50 60 ms and 40 kB compressed, at 10,000 at most 1.2 times the time.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from app.adapters.postgres.database.pool import Database
from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey
from tests.e2e.site import Site, site
from tests.seeded_watches import seed_watches
from tests.servers.postgres import Databases

SIZES = (1_000, 10_000)
BAR_P50, BAR_BYTES, BAR_RATIO = 0.060, 40_000, 1.2
_SLICES, _WARM_UP = 8, 5
_BROWSER = {"Accept": "text/html", "Accept-Encoding": "gzip"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=80, help="requests for each size")
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="registrywatcher-")))
        directory.chmod(0o711)
        postgres = stack.enter_context(EmbeddedPostgres(directory))
        valkey = stack.enter_context(EmbeddedValkey(directory))
        databases = Databases(postgres.url)
        stack.callback(databases.drop_template)
        sites = {}
        for size in SIZES:
            folder = directory / str(size)
            folder.mkdir()
            url = databases.fresh()
            quiet = {"REGISTRYWATCHER_LOG_LEVEL": "warning"}
            sites[size] = stack.enter_context(site(folder, database_url=url, redis_url=valkey.url, **quiet))
        return asyncio.run(_measure(sites, options.requests))


async def _seed(url: str, size: int) -> None:
    database = Database(url, size=1)
    try:
        await seed_watches(database, size)
    finally:
        await database.close()


async def _measure(sites: dict[int, Site], requests: int) -> int:
    took: dict[int, list[float]] = {size: [] for size in sites}
    sizes: dict[int, int] = {}
    for size, installation in sites.items():
        installation.configure([], host="127.0.0.1:1")
        await installation.run("web")
        await _seed(installation.env["DATABASE_URL"], size)  # afterwards: no configuration has these watches
    async with httpx.AsyncClient(headers=_BROWSER, timeout=30) as client:
        for each in range(_SLICES + 1):
            for size, installation in sites.items():
                times, sizes[size] = await _slice(client, installation.url, max(_WARM_UP, requests // _SLICES))
                if each:  # the first is the warm-up
                    took[size] += times
    p50 = {size: statistics.median(times) for size, times in took.items()}
    for size, times in took.items():
        print(
            f"  {size:6,} watches: p50 {p50[size] * 1000:5.1f} ms, {sizes[size] / 1000:.1f} kB  ({len(times)} requests)"
        )
    small, large = SIZES
    ratio = p50[large] / p50[small]
    print(
        f"  ratio {ratio:.2f} (bar {BAR_RATIO}); bars at {small:,}: {BAR_P50 * 1000:.0f} ms, {BAR_BYTES / 1000:.0f} kB"
    )
    return int(p50[small] > BAR_P50 or max(sizes.values()) > BAR_BYTES or ratio > BAR_RATIO)


async def _slice(client: httpx.AsyncClient, url: str, requests: int) -> tuple[list[float], int]:
    """Seconds of each request, and the bytes on the wire of the last one."""
    times, size = [], 0
    for _ in range(requests):
        begun = time.monotonic()
        async with client.stream("GET", url) as answer:
            size = sum([len(chunk) async for chunk in answer.aiter_raw()])
        times.append(time.monotonic() - begun)
        assert answer.status_code == 200, answer.status_code
    return times, size


if __name__ == "__main__":
    sys.exit(main())
