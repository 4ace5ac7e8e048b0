"""Given two web processes, two pollers and three workers, then pushes that are delivered three times in random order
end right."""

from pathlib import Path

from app.simulators.nomad.timing import Timing
from tests.cluster import cluster
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering, body
from tests.faults.oracle import Shown, faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves
from tests.webhook_sender import NO_ANSWER, TAKEN

NAMES = [f"r{number:02}" for number in range(20)]
PUSHES = moves(ci=200, long=2000)
TIMES = 3
_SLICES = 5


async def test_two_webs_two_pollers_and_three_workers_end_right(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with cluster(
        server_directory,
        database_url=database_url,
        redis_url=redis_url,
        names=NAMES,
        settings='poll_interval = "5s"',
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "web", "poller", "poller", "worker", "worker", "worker"):
            ours.start(kind)
        await answering(ours)
        finals: dict[str, Shown] = {}
        async with DeliverySender(ours) as sender:
            for piece in range(_SLICES):
                deliveries = []
                for number in range(piece * PUSHES // _SLICES, (piece + 1) * PUSHES // _SLICES):
                    name, tag = NAMES[number % len(NAMES)], f"v1.{number // (2 * len(NAMES)) + 1}.0"
                    digest = ours.registry.push(f"team/{name}", tag, content=f"{number // len(NAMES) % 3} {tag}")
                    finals[name] = Shown(tag=tag, digest=digest)
                    deliveries.append(body(ours, name, tag, digest))
                await sender.send_all(deliveries, times=TIMES)
            assert NO_ANSWER not in sender.answers
            assert sender.answers[TAKEN] == PUSHES * TIMES
        await deployed(ours, finals)
        async with reading(database_url) as outcomes:
            # An event whose tag has moved is checked for half a minute; during that time nothing may go wrong.
            await outcomes.settled(NAMES, within=120)
        assert faults(ours, finals) == []
        proven(moves=PUSHES, told=TIMES, registrations=len(ours.nomad.ledger.entries()))
