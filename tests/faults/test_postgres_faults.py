"""Given Postgres fails in every way while 200 tags move, then senders are told to come again at worst, the outage is
named, nothing is lost or repeated, and everything is ready again by itself within ten seconds."""

import pytest

from tests.faults.postgres_faults import POSTGRES
from tests.faults.proof import Proven
from tests.faults.scene import Scene


@pytest.mark.parametrize("kind", POSTGRES)
async def test_postgres_fails(kind: str, here: Scene, proven: Proven) -> None:
    await here.endure(POSTGRES[kind], proven)
