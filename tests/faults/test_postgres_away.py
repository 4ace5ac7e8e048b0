"""Given Postgres that stops for 20 seconds, then senders are told to come again, and nothing is lost or restarted."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from app.local.nomad.timing import Timing
from app.local.postgres import EmbeddedPostgres
from tests.cluster import SECRET, Cluster, cluster, until
from tests.faults.deliveries import Teller, answering, body
from tests.faults.moves import Moves
from tests.faults.oracle import Shown, faults, missing
from tests.faults.outcomes import reading
from tests.servers.postgres import migrate

NAMES = [f"r{number:02}" for number in range(10)]
AWAY = 20.0


@pytest.mark.slow
async def test_postgres_stopped_for_twenty_seconds(
    server_directory: Path, private_postgres: EmbeddedPostgres, redis_url: str
) -> None:
    await asyncio.to_thread(migrate, private_postgres.url)
    with cluster(
        server_directory,
        database_url=private_postgres.url,
        redis_url=redis_url,
        names=NAMES,
        settings='poll_interval = "1h"',
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "worker", "worker", "poller"):
            ours.start(kind)
        await answering(ours)
        async with Teller(ours) as teller:
            async with reading(private_postgres.url) as outcomes:
                await outcomes.settled(NAMES)
            moves = Moves(teller, NAMES)
            await moves.make(40, seconds=2)
            await asyncio.to_thread(private_postgres.kill)
            refused = asyncio.create_task(_refusals(ours, seconds=AWAY))
            pushing = asyncio.create_task(moves.make(40, seconds=2))
            answers = await refused
            await asyncio.to_thread(private_postgres.start)
            ready_at = time.monotonic()
            refused_so_far = len(teller.statuses)
            await until(lambda: 202 in teller.statuses[refused_so_far:], "a push is taken", within=30)
            took = time.monotonic() - ready_at
            await pushing
            await until(lambda: not missing(ours, moves.finals), lambda: missing(ours, moves.finals), within=60)
            deployed = time.monotonic() - ready_at
            async with reading(private_postgres.url) as outcomes:
                await outcomes.settled(NAMES)
        print(
            f"{len(answers)} refusals, slowest {max(s for _, _, s in answers):.3f} s; a push taken after {took:.1f} s"
        )
        print(f"all deployed after {deployed:.1f} s")
        assert {(status, retry) for status, retry, _ in answers} == {(503, "1")}
        assert max(seconds for _, _, seconds in answers) < 1
        assert took < 3
        assert faults(ours, moves.finals) == []


async def _refusals(ours: Cluster, *, seconds: float) -> list[tuple[int, str, float]]:
    """(status, Retry-After, seconds) of posts for so long, of a push that never was."""
    unreal = Shown(tag="v0.0.1", digest="sha256:" + "0" * 64)
    delivery = body(ours, NAMES[0], unreal.tag, unreal.digest)
    answers = []
    async with httpx.AsyncClient(timeout=10, trust_env=False, headers={"Authorization": f"Bearer {SECRET}"}) as client:
        ends = time.monotonic() + seconds
        while (start := time.monotonic()) < ends:
            answer = await client.post(f"{ours.webs[0]}/webhooks/distribution", content=delivery)
            answers.append((answer.status_code, answer.headers.get("Retry-After", ""), time.monotonic() - start))
            await asyncio.sleep(0.1)
    return answers
