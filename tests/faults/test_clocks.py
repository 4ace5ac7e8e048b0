"""Given every process has a clock of its own, up to ten minutes wrong, then 200 moves end right: what is due, leased or
late is judged by the database's clock alone."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.cluster import Process, cluster
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender
from tests.faults.oracle import faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.scene import MOVES, NAMES, PER_SECOND
from tests.faults.site import site
from tests.faults.sizes import is_long
from tests.faults.tag_moves import Moves
from tests.webhook_sender import TAKEN

OFFSETS = [(-61, 61), (-600, 600)] if is_long() else [(-61, 600)]
_WRONG_CLOCK = Path(__file__).parent / "wrong_clock"
SETTINGS = 'poll_interval = "5s"\nlease_seconds = 2'


@pytest.mark.parametrize("offsets", OFFSETS, ids=str)
async def test_wrong_clocks_lose_and_repeat_nothing(
    offsets: tuple[int, int], server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=SETTINGS
    ) as ours:
        async with site(ours) as here:
            for kind in ("web", "worker", "poller"):
                for offset in offsets:
                    path = f"{_WRONG_CLOCK}:{ours.env['PYTHONPATH']}"
                    here.start(kind, env={"PYTHONPATH": path, "WRONG_CLOCK": str(offset)})
            await here.all_ready()
            async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
                await outcomes.settled(NAMES)
                moves = Moves(sender, NAMES)
                await moves.make(MOVES, seconds=MOVES / PER_SECOND)
                await deployed(ours, moves.finals)
                await outcomes.settled(NAMES)
            await here.all_ready()
        assert set(sender.answers) == {TAKEN}
        assert faults(ours, moves.finals) == []
        wrong = [_ahead(each) for each in ours.processes]
        assert [round(each / offset) for each, offset in zip(wrong, offsets * 3, strict=True)] == [1] * 6, wrong
        proven(moves=MOVES, offsets=offsets)


def _ahead(process: Process) -> float:
    """By how many seconds the clock of the process was ahead when it wrote its last log line."""
    line = process.log.read_text().splitlines()[-1]
    return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp() - process.log.stat().st_mtime
