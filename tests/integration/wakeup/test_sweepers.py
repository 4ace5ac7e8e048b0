"""Given every message in Redis is lost, then each kind of process finds by itself what is due, without the others."""

from pathlib import Path

import pytest
import redis

from tests.cluster import cluster
from tests.faults.arrival import WITHIN
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import faults, missing
from tests.faults.outcomes import reading
from tests.faults.site import START, site
from tests.faults.tag_moves import Moves
from tests.servers.valkey import LogicalDatabases

NAMES = ["r00", "r01"]
_QUEUE = "registrywatcher:registrywatcher"  # Dramatiq's list of the messages that wait
_SETTINGS = 'poll_interval = "1h"'


@pytest.mark.parametrize("kind", ["web", "poller"])
async def test_it_wakes_again_while_no_other_process_runs(
    kind: str, server_directory: Path, database_url: str, redis_url: str
) -> None:
    """No worker runs, so that what is due stays due. Its start, its first poll and its first look at the jobs wake as
    well, but once."""
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=_SETTINGS
    ) as ours:
        async with site(ours) as here:
            here.start(kind)
            with redis.Redis.from_url(redis_url) as client:
                for number in range(6):
                    within = WITHIN if number else START
                    await here.until(lambda: client.llen(_QUEUE) > 0, f"wakes after {number} losses", within=within)
                    client.flushdb()


async def test_a_worker_finds_a_push_of_which_no_message_reached_it(
    server_directory: Path, database_url: str, redis_url: str, logical_databases: LogicalDatabases
) -> None:
    """The web that takes the pushes sends all its messages to another Redis, and is gone before it sweeps for long."""
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=_SETTINGS
    ) as ours:
        async with site(ours, "worker") as here, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)  # first: while the web runs, its sweep may be the one that wakes, for nothing
            web = here.start("web", env={"REDIS_URL": logical_databases.fresh()})
            await answering(ours)  # it would be ready with a poller only
            async with DeliverySender(ours) as sender:
                moves = Moves(sender, NAMES)
                await moves.make(6, seconds=1)
                web.kill()
                await here.until(
                    lambda: not missing(ours, moves.finals), lambda: missing(ours, moves.finals), within=WITHIN
                )
            await outcomes.settled(NAMES)
        assert faults(ours, moves.finals) == []
