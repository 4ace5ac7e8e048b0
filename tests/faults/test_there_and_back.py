"""Given a tag that moves to another digest and back, at once or a moment later, while workers are killed at times, then
each job ends on the first digest, by its registrations and by what runs."""

import asyncio
import random
from pathlib import Path

from app.simulators.nomad.timing import Timing
from tests.cluster import Cluster, cluster, until
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults, registered
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves

NAMES = [f"r{number:02}" for number in range(20)]
TIMES = moves(ci=100, long=2000)
LONGEST = 1.0  # seconds between two moves of one tag
SEED = 12


async def _there_and_back(ours: Cluster, sender: DeliverySender, name: str, number: int, pauses: random.Random) -> bool:
    """Move a new tag to d1, d2 and d1 again; returns whether Nomad had d2 in between, once it has d1."""
    tag = f"v1.{number + 1}.0"
    begun = len(ours.nomad.ledger.entries(job=name))
    digests = []
    for content in ("first", "second", "first"):
        digests.append(await sender.push(name, tag, f"{name} {tag} {content}"))
        await asyncio.sleep(pauses.choice((0.0, pauses.uniform(0.0, LONGEST))))
    first, second, again = digests
    assert first == again != second
    final = {name: Shown(tag=tag, digest=first)}
    await deployed(ours, final)
    return second in [registered(entry).digest for entry in ours.nomad.ledger.entries(job=name)[begun:]]


async def test_a_tag_that_returns_ends_on_its_first_digest(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with cluster(
        server_directory,
        database_url=database_url,
        redis_url=redis_url,
        names=NAMES,
        settings='poll_interval = "1h"\nlease_seconds = 2',
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.2))
        for kind in ("web", "worker", "worker"):
            ours.start(kind)
        await answering(ours)
        rounds, between, kills = TIMES // len(NAMES), 0, 0
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            pauses = random.Random(SEED)
            for number in range(rounds):
                moving = [asyncio.create_task(_there_and_back(ours, sender, name, number, pauses)) for name in NAMES]
                if number % 2 == 0:
                    await asyncio.sleep(pauses.uniform(0.2, 1.0))
                    next(each for each in ours.processes if each.running and not each.url).kill()
                    ours.start("worker")
                    kills += 1
                between += sum(await asyncio.gather(*moving))
                await outcomes.settled(NAMES)
                for name in NAMES:
                    await until(lambda: _runs(ours, name), f"{name} runs what was registered last", within=60)  # noqa: B023
            assert set(sender.answers) == {202}
        finals = {name: registered(ours.nomad.ledger.entries(job=name)[-1]) for name in NAMES}
        print(
            f"{rounds * len(NAMES)} there and back, {between} with d2 in Nomad in between, {kills} kills, seed {SEED}"
        )
        assert between > TIMES / 10, "hardly any second digest was deployed"
        assert kills >= rounds // 2
        assert faults(ours, finals) == []
        proven(moves=3 * TIMES, met=TIMES, second_digest_deployed=between, kills=kills)


def _runs(ours: Cluster, name: str) -> bool:
    """Whether all allocations run the digest of the job's last registration, and no other."""
    digest = registered(ours.nomad.ledger.entries(job=name)[-1]).digest
    running = {found for tasks in ours.nomad.running(name).values() for found in tasks.values()}
    return running == {digest}
