"""Given Redis fails in every way while 200 tags move, then no webhook is refused, the outage is named, nothing is lost
or repeated, and everything is ready again by itself within ten seconds."""

import pytest

from tests.faults.proof import Proven
from tests.faults.redis_faults import REDIS
from tests.faults.scene import Scene


@pytest.mark.parametrize("kind", REDIS)
async def test_redis_fails(kind: str, here: Scene, proven: Proven) -> None:
    await here.endure(REDIS[kind], proven)
