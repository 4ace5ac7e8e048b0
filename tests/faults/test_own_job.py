"""Given registrywatcher rolls out its own job, then the rollout survives the restart that it causes."""

from pathlib import Path

from app.simulators.nomad.timing import Timing
from tests.cluster import cluster, until
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults
from tests.faults.outcomes import reading

OWN, *OTHERS = NAMES = ["own", "one", "two", "three"]
SETTINGS = f'own_job = "{OWN}"\nmax_rollouts = 2\nlease_seconds = 2\npoll_interval = "1h"'


async def test_our_own_job_is_last_and_the_new_process_follows_its_rollout(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=SETTINGS
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.05, healthy=1.0))
        before = [ours.start(kind) for kind in ("web", "worker", "worker")]
        await answering(ours)
        pushed = {}
        async with reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            async with DeliverySender(ours) as sender:
                for name in (*OTHERS, OWN):
                    pushed[name] = Shown(tag="v1.1.0", digest=await sender.push(name, "v1.1.0", f"{name} v1.1.0"))
            await until(lambda: ours.nomad.ledger.entries(job=OWN), "our own job is registered", within=120)
            for process in before:
                process.kill()
            for kind in ("web", "worker"):
                ours.start(kind)
            await until(lambda: outcomes.ended_at(pushed[OWN].digest), "its rollout ends well", within=90)
            await outcomes.settled(NAMES)
        assert faults(ours, pushed) == []
        entries = ours.nomad.ledger.entries()
        assert [entry.job for entry in entries][-1] == OWN
        assert sorted(entry.job for entry in entries) == sorted(NAMES)
        with ours.nomad.at_work() as world:
            ends = [each.modify_index for each in world.deployments.values() if each.job_id != OWN]
        assert entries[-1].job_modify_index > max(ends)
