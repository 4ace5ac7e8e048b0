"""Given our own processes are killed or frozen at any moment while 200 tags move, then nothing is lost or repeated,
and everything is ready again by itself within ten seconds."""

from collections.abc import Callable

import pytest

from tests.faults.process_faults import PROCESSES
from tests.faults.scene import Scene


@pytest.mark.parametrize("kind", PROCESSES)
async def test_a_process_fails(kind: str, here: Scene, record_property: Callable[[str, object], None]) -> None:
    await here.endure(PROCESSES[kind], record_property)
