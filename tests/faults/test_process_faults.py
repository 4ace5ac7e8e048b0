"""Given our own processes are killed or frozen at any moment while 200 tags move, then nothing is lost or repeated,
and everything is ready again by itself within ten seconds."""

import pytest

from tests.faults.process_faults import PROCESSES
from tests.faults.proof import Proven
from tests.faults.scene import Scene


@pytest.mark.parametrize("kind", PROCESSES)
async def test_a_process_fails(kind: str, here: Scene, proven: Proven) -> None:
    await here.endure(PROCESSES[kind], proven)
