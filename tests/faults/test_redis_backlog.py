"""Given Redis dies and thousands of pushes are taken without it, then all of them are processed within ten seconds of
its return, and no sender is refused."""

import asyncio
import time
from pathlib import Path

from app.local.valkey import EmbeddedValkey
from tests.cluster import cluster
from tests.faults import statements
from tests.faults.arrival import WITHIN, deployed
from tests.faults.delivery_sender import DeliverySender, body
from tests.faults.oracle import Shown, faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.site import site
from tests.faults.sizes import moves
from tests.webhook_sender import TAKEN

PUSHES = moves(ci=1000, long=5000)
NAMES = [f"r{number:03}" for number in range(100)]
SETTINGS = 'poll_interval = "1h"'


async def test_thousands_of_pushes_wait_for_redis(
    server_directory: Path, database_url: str, private_valkey: EmbeddedValkey, proven: Proven
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=private_valkey.url, names=NAMES, settings=SETTINGS
    ) as ours:
        async with site(ours, "web", "worker", "worker", "poller") as here, DeliverySender(ours) as sender:
            async with reading(database_url) as outcomes:
                await outcomes.settled(NAMES)
            await asyncio.to_thread(private_valkey.kill)
            finals: dict[str, Shown] = {}
            deliveries = []
            for number in range(PUSHES):
                name, tag = NAMES[number % len(NAMES)], f"v1.{number // len(NAMES) + 1}.0"
                finals[name] = Shown(tag=tag, digest=ours.registry.push(f"team/{name}", tag, content=f"{name} {tag}"))
                deliveries.append(body(ours, name, tag, finals[name].digest))
            await sender.send_all(deliveries, times=1, connections=16)
            async with statements.connected(database_url) as connection:
                assert await statements.open_pushes(connection) > PUSHES / 2
                await asyncio.to_thread(private_valkey.start)
                back_at = time.monotonic()
                deployed_after = await deployed(ours, finals)

                async def processed() -> bool:
                    return await statements.open_pushes(connection) == 0

                await here.until(processed, "no push is open", within=WITHIN)
                took = time.monotonic() - back_at
            print(f"deployed {deployed_after:.1f} s, all processed {took:.1f} s after, stretch {here.pace.stretch:.1f}")
            proven(moves=PUSHES, right_after=round(took, 1), stretch=round(here.pace.stretch, 1))
            assert took < WITHIN * here.pace.stretch
            await here.all_ready()
        assert sender.answers == {TAKEN: PUSHES}
        assert faults(ours, finals) == []
