"""Given many workers that find all jobs due at one time, then the limit of concurrent rollouts holds, with or without
kills."""

from pathlib import Path

from app.simulators.nomad.timing import Timing
from tests.cluster import cluster, until
from tests.concurrent_rollouts import most_concurrent_rollouts
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults
from tests.faults.outcomes import reading

NAMES = [f"r{number:02}" for number in range(20)]
SETTINGS = 'max_rollouts = 3\nlease_seconds = 2\npoll_interval = "1h"'


async def test_the_limit_of_concurrent_rollouts_holds(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=SETTINGS
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.05, healthy=0.3))
        ours.start("web")
        workers = [ours.start("worker") for _ in range(3)]
        await answering(ours)
        pushed = {}
        async with reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            async with DeliverySender(ours) as sender:
                for name in NAMES:
                    pushed[name] = Shown(tag="v1.1.0", digest=await sender.push(name, "v1.1.0", f"{name} v1.1.0"))
            await until(lambda: len(ours.nomad.ledger.entries()) >= 5, "some are registered", within=90)
            workers[0].kill()
            await deployed(ours, pushed)
            await outcomes.settled(NAMES)
        assert faults(ours, pushed) == []
        assert most_concurrent_rollouts(ours.nomad) <= 3
