"""Given deliveries that are false, malformed, late or repeated while 200 tags move, then each is taken, and nothing is
lost or repeated."""

from collections.abc import Callable

import pytest

from tests.faults.scene import Scene
from tests.faults.webhook_faults import WEBHOOKS


@pytest.mark.parametrize("kind", WEBHOOKS)
async def test_deliveries_are_wrong(kind: str, here: Scene, record_property: Callable[[str, object], None]) -> None:
    await here.endure(WEBHOOKS[kind], record_property)
