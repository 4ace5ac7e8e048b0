"""A simulator for one test, with its faults and ledger: for cases that a real agent cannot produce on request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import JobPatch, TaskChange, TaskKey
from app.domain.watch import JobPlace
from app.ports import Deployer

OLD, NEW = "reg.example/team/app:v1", "reg.example/team/app:v2"
SERVER = TaskKey(group="app", task="server")
PLACE = JobPlace(region="", namespace="default", job_id="web")


@asynccontextmanager
async def opened(connection: NomadConnection) -> AsyncIterator[NomadDeployer]:
    """Our deployer over this connection."""
    deployer = NomadDeployer(connection)
    try:
        yield deployer
    finally:
        await deployer.aclose()


async def a_patch(deployer: Deployer, image: str = NEW) -> JobPatch:
    """A patch for the present job `web`."""
    state = await deployer.inspect(PLACE)
    assert state is not None
    return JobPatch(changes={SERVER: TaskChange(image=image, marker="r-1")}, expected_index=state.index)
