"""Given a registry with hostile headers, then the watches of other registries continue in the same worker."""

from functools import partial
from pathlib import Path

import asyncpg

from app.simulators.nomad import sample_job
from app.simulators.nomad.timing import Timing
from tests.cluster import cluster, until
from tests.faults import statements
from tests.faults.delivery_sender import DeliverySender, answering, body
from tests.servers.files import replace
from tests.servers.hostile import hostile_registry

PUSHES = 10
_HOSTILE = """
[registry_map.hostile]
registry_scheme = "http"
registry_domain = "{host}"
registry_prefix = "team"

[repo_map.bad]
registry_name = "hostile"
nomad_job_name = "bad"
nomad_task_name = "server"
"""


async def test_a_hostile_header_delays_no_other_registry(
    server_directory: Path, database_url: str, redis_url: str
) -> None:
    with (
        hostile_registry(("Link", "<" * 95_000)) as hostile,
        cluster(
            server_directory,
            database_url=database_url,
            redis_url=redis_url,
            names=["good"],
            settings='poll_interval = "1s"',
        ) as ours,
    ):
        text = ours.config.read_text().replace("['good']", "['good', 'bad']")
        replace(ours.config, text + _HOSTILE.format(host=hostile.host))
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        ours.nomad.seed(sample_job("bad", f"{hostile.host}/team/bad:v1.0.0"))
        for kind in ("web", "worker", "poller"):
            ours.start(kind)
        await answering(ours)

        def runs(tag: str) -> bool:
            return _runs(ours.nomad.job("good"), tag)

        await until(lambda: hostile.asked, "the hostile registry is asked", within=60)
        async with DeliverySender(ours) as sender:
            for number in range(1, PUSHES + 1):
                tag = f"v1.{number}.0"
                digest = ours.registry.push("team/good", tag, content=tag)
                await sender.send_all([body(ours, "good", tag, digest)], times=1)
                await until(partial(runs, tag), f"{tag} is registered", within=30)
        connection = await asyncpg.connect(database_url)
        try:
            assert await statements.expired_leases(connection) == 0
            shown = await until(lambda: statements.outage(connection, "bad"), "the outage is shown", within=60)
            assert "its answer's header Link is longer than" in shown
        finally:
            await connection.close()


def _runs(job: dict[str, list[dict[str, list[dict[str, dict[str, str]]]]]], tag: str) -> bool:
    return f":{tag}@" in job["TaskGroups"][0]["Tasks"][0]["Config"]["image"]
