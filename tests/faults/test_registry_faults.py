"""Given a registry that fails, is late, or whose tags come and go while 200 others move, then nothing is lost or
repeated, and everything is ready again by itself within ten seconds."""

import pytest

from tests.faults.proof import Proven
from tests.faults.registry_faults import REGISTRY
from tests.faults.scene import Scene


@pytest.mark.parametrize("kind", REGISTRY)
async def test_the_registry_fails(kind: str, here: Scene, proven: Proven) -> None:
    await here.endure(REGISTRY[kind], proven)
