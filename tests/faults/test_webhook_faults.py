"""Given deliveries that are false, malformed, late or repeated while 200 tags move, then each is taken, and nothing is
lost or repeated."""

import pytest

from tests.faults.proof import Proven
from tests.faults.scene import Scene
from tests.faults.webhook_faults import WEBHOOKS


@pytest.mark.parametrize("kind", WEBHOOKS)
async def test_deliveries_are_wrong(kind: str, here: Scene, proven: Proven) -> None:
    await here.endure(WEBHOOKS[kind], proven)
