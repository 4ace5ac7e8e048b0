"""Given processes whose clocks are ten minutes wrong, then a lease lasts as long as the database's clock says."""

import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
import time_machine

from app.adapters.postgres.database.pool import Database
from tests.integration.leases.world import World, world
from tests.processes import until

_SHORT = 0.5  # seconds

Take = Callable[[float], Awaitable[object]]


@pytest.fixture(params=[-600, 600], ids=["behind", "ahead"])
def wrong(request: pytest.FixtureRequest) -> Iterator[None]:
    """This process has the wrong clock; the database's process has the right one."""
    with time_machine.travel(time.time() + request.param, tick=True):
        yield


async def _target(here: World) -> Take:
    return lambda lease: here.targets.claim(here.target_id, lease)


async def _rollout(here: World) -> Take:
    rollout_id = await here.rollout("submitted")
    return lambda lease: here.rollouts.claim(rollout_id, lease)


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("of", [_target, _rollout])
async def test_a_lease_is_held_for_its_time_and_no_longer(
    database: Database, of: Callable[[World], Awaitable[Take]]
) -> None:
    take = await of(await world(database))
    assert await take(60.0) is not None
    assert await take(60.0) is None, "somebody has it"


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("of", [_target, _rollout])
async def test_an_expired_lease_is_free(database: Database, of: Callable[[World], Awaitable[Take]]) -> None:
    take = await of(await world(database))
    assert await take(_SHORT) is not None
    await until(lambda: take(60.0), "the lease has expired", within=20)
