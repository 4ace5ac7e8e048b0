"""Given Postgres stops for 20 seconds, then senders get 503 with Retry-After, and nothing is lost or restarted."""

import asyncio
import time
from pathlib import Path

from app.local.postgres import EmbeddedPostgres
from app.simulators.nomad.timing import Timing
from tests.cluster import SECRET, Cluster, cluster, until
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering, body
from tests.faults.oracle import Shown, faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.tag_moves import Moves
from tests.servers.postgres import migrate
from tests.webhook_sender import PAUSE, TAKEN, Sender

NAMES = [f"r{number:02}" for number in range(10)]
OUTAGES = 20.0


async def test_nothing_is_lost_while_postgres_is_stopped_for_twenty_seconds(
    server_directory: Path, private_postgres: EmbeddedPostgres, redis_url: str, proven: Proven
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
        async with DeliverySender(ours) as sender:
            async with reading(private_postgres.url) as outcomes:
                await outcomes.settled(NAMES)
            moves = Moves(sender, NAMES)
            await moves.make(40, seconds=2)
            await asyncio.to_thread(private_postgres.kill)
            refused = asyncio.create_task(_refusals(ours, seconds=OUTAGES))
            pushing = asyncio.create_task(moves.make(40, seconds=2))
            refusals, others = await refused
            await asyncio.to_thread(private_postgres.start)
            ready_at = time.monotonic()
            refused_so_far = len(sender.statuses)
            await until(lambda: TAKEN in sender.statuses[refused_so_far:], "a push is taken", within=90)
            took = time.monotonic() - ready_at
            posts = sender.statuses[refused_so_far:].index(TAKEN) + 1
            await pushing
            await deployed(ours, moves.finals)
            all_after = time.monotonic() - ready_at
            async with reading(private_postgres.url) as outcomes:
                await outcomes.settled(NAMES)
        print(
            f"{len(refusals)} refusals, slowest {max(refusals):.3f} s, of others {max(others):.3f} s; "
            f"a push taken after {took:.1f} s, by post {posts}"
        )
        print(f"all deployed after {all_after:.1f} s")
        # Within a second, on a machine where an answer without Postgres is immediate.
        assert max(refusals) < 1 + max(others)
        # Within three seconds for a sender that retries at once.
        assert posts <= 3 / PAUSE
        assert faults(ours, moves.finals) == []
        proven(moves=len(sender.pushed), met=len(refusals), right_after=round(all_after, 1))


async def _refusals(ours: Cluster, *, seconds: float) -> tuple[list[float], list[float]]:
    """Post a false push for that many seconds, with the right and a wrong secret by turns; the seconds of each
    answer."""
    unreal = Shown(tag="v0.0.1", digest="sha256:" + "0" * 64)
    delivery = body(ours, NAMES[0], unreal.tag, unreal.digest)
    async with Sender(lambda: ours.webs[0], SECRET) as known, Sender(lambda: ours.webs[0], "no secret") as others:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await known.post(delivery)
            await others.post(delivery)
            await asyncio.sleep(0.1)
        assert set(known.answers) == {503}
        assert set(others.answers) == {401}
        others.broken.clear()  # as it should be
    return known.seconds, others.seconds
