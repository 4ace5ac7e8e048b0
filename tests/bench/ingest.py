"""The rate of durable deliveries, against a handler with one INSERT, in alternating slices of one run.

    python -m tests.bench.ingest [--pairs 8] [--seconds 2] [--connections 32]

A pair is bare, ours, bare again. The two bare slices (A/A) show the noise of the machine, and void the run when they
differ by more than a tenth. At the end the rows are compared with the acknowledgements: a difference voids the run too.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import uvloop

from app.local.postgres import EmbeddedPostgres
from tests.bench.ingest_load import REPOSITORIES, Requests, Slice, run
from tests.bench.ingest_servers import BARE_TABLE
from tests.servers.ports import free_port
from tests.servers.postgres import migrate

NOISE = 0.1
_WATCHES = """
WITH target AS (
    INSERT INTO targets (region, namespace, job_id) SELECT '', 'default', n FROM generate_series(0, $1 - 1) AS n
    RETURNING target_id, job_id
)
INSERT INTO watches (name, target_id, registry, repository_host, repository_path, task, deploy_by, observe_only,
                     position)
SELECT job_id, target_id, 'main', 'registry.example.com:5000', 'team/' || job_id, 'web', 'digest', false, 1 FROM target
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="registrywatcher-")))
        directory.chmod(0o711)
        url = stack.enter_context(EmbeddedPostgres(directory)).url
        migrate(url)
        uvloop.run(_execute(url, BARE_TABLE))
        uvloop.run(_execute(url, _WATCHES.replace("$1", str(REPOSITORIES))))
        ports = {name: _serve(stack, name, url) for name in ("bare", "ours")}
        return uvloop.run(_measure(ports, url, options))


async def _measure(ports: dict[str, int], url: str, options: argparse.Namespace) -> int:
    await asyncio.gather(*(_until_open(port) for port in ports.values()))
    bad = False
    for every, message in ((1, "every delivery has a tag"), (20, "one delivery of 20 has a tag, as in a real push")):
        slices: dict[str, list[Slice]] = {"bare": [], "ours": [], "bare again": []}
        before = await _rows(url)
        for number in range(options.pairs + 1):
            for name, kept in slices.items():
                requests = Requests(every=every, prefix=uuid.uuid4().hex[:4])
                port = ports[name.split()[0]]
                kept.append(await run(port, requests, connections=options.connections, seconds=options.seconds))
            if number == 0:
                print(f"{message}: warmed up")
        audit = _audit(slices, before, await _rows(url))
        bad |= _report({name: kept[1:] for name, kept in slices.items()}) or audit
    return int(bad)


def _report(slices: dict[str, list[Slice]]) -> bool:
    """Print the figures; True when they are void or miss the limit."""
    for name, kept in slices.items():
        waits = sorted(wait for each in kept for wait in each.waits)
        p50, p99 = (waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.99))
        rate = statistics.median(each.rate for each in kept)
        print(f"  {name:10} {rate:8.0f}/s   p50 {p50:5.1f} ms   p99 {p99:5.1f} ms")
    again = _ratio(slices["bare again"], slices["bare"])
    ours = _ratio(slices["ours"], slices["bare"])
    void = abs(again - 1) > NOISE
    print(f"  A/A {again:.2f}{' - the run is void' if void else ''};  ours/bare {ours:.2f} (bar: 1.00)")
    return void or ours < 1.0


def _ratio(over: list[Slice], under: list[Slice]) -> float:
    return statistics.median(a.rate / b.rate for a, b in zip(over, under, strict=True))


def _audit(slices: dict[str, list[Slice]], before: dict[str, int], after: dict[str, int]) -> bool:
    """Print rows against acknowledgements; True when they differ or anything was refused."""
    bare = sum(each.acknowledged for name in ("bare", "bare again") for each in slices[name])
    expected = {
        "bare": bare,
        "deliveries": sum(each.acknowledged for each in slices["ours"]),
        "events": sum(each.actionable for each in slices["ours"]),
        "event_watches": sum(each.actionable for each in slices["ours"]),
    }
    found = {name: after[name] - before[name] for name in expected}
    refused = sum(each.refused for kept in slices.values() for each in kept)
    print(f"  audit: rows {found}, acknowledged {expected}, refused {refused}")
    return found != expected or refused > 0


async def _rows(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    tables = ("bare", "deliveries", "events", "event_watches")
    counts = {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in tables}
    await connection.close()
    return counts


def _serve(stack: ExitStack, name: str, url: str) -> int:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.ingest_servers", name, str(port), url]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # ours logs each event, as it does in production
    stack.callback(server.wait)
    stack.callback(server.terminate)
    return port


async def _until_open(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


if __name__ == "__main__":
    sys.exit(main())
