"""One cluster for all faults of a module: starting one takes longer than most faults."""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey
from app.simulators.nomad.timing import Timing
from tests.cluster import Cluster, cluster
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender
from tests.faults.oracle import faults
from tests.faults.outcomes import Outcomes
from tests.faults.scene import Scene, scene
from tests.faults.tag_moves import Moves
from tests.servers.directories import enterable_directory
from tests.servers.ports import free_port
from tests.servers.postgres import Databases
from tests.servers.valkey import LogicalDatabases

NAMES = [f"r{number:02}" for number in range(20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A cluster of one web process and two workers that is used for one fault after the other."""

    cluster: Cluster
    database_url: str

    def moves(self, sender: DeliverySender) -> Moves:
        """Moves that begin where those of earlier faults ended, three per tag: no tag is used again."""
        pushed = self.cluster.registry.contents.tags(f"team/{NAMES[0]}") or ()
        return Moves(sender, NAMES, number=3 * (len(pushed) - 1))

    async def ends_right(self, moves: Moves, outcomes: Outcomes) -> None:
        """Wait until everything is deployed and quiet; then the whole ledger, of earlier faults too, must be right."""
        await self.deployed(moves)
        await outcomes.settled(NAMES)
        assert faults(self.cluster, moves.finals) == []

    async def deployed(self, moves: Moves) -> None:
        """Wait until everything is deployed; the ledger must be right so far."""
        ours = self.cluster
        await deployed(ours, moves.finals)
        assert faults(ours, moves.finals) == []


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """Log only warnings: writing hundreds of rollouts to the log takes longer than the rollouts."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, logical_databases: LogicalDatabases
) -> Iterator[Shared]:
    """The module's cluster."""
    database_url = databases.fresh()
    directory: Path = tmp_path_factory.mktemp("cluster")
    with cluster(
        directory,
        database_url=database_url,
        redis_url=logical_databases.fresh(),
        names=NAMES,
        settings='poll_interval = "1h"',
    ) as made:
        made.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "worker", "worker"):
            made.start(kind)
        yield Shared(cluster=made, database_url=database_url)
    databases.drop(database_url)


@pytest.fixture(scope="module")
async def here() -> AsyncIterator[Scene]:
    """A whole installation on servers of its own, for one fault class of the module after the other."""
    with (
        enterable_directory() as directory,
        EmbeddedPostgres(directory, port=free_port(), durable=False) as postgres,
        EmbeddedValkey(directory, port=free_port()) as valkey,
    ):
        async with scene(directory, postgres, valkey) as made:
            yield made
