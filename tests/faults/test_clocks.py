"""Given every process has a clock of its own, up to ten minutes wrong, then 200 moves end right: what is due, leased or
late is judged by the database's clock alone."""

import json
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.cluster import Process, cluster
from tests.faults.delivery_sender import DeliverySender
from tests.faults.oracle import faults, missing
from tests.faults.outcomes import reading
from tests.faults.scene import MOVES, NAMES, PER_SECOND
from tests.faults.site import WITHIN, site
from tests.faults.tag_moves import Moves
from tests.webhook_sender import TAKEN

SETTINGS = 'poll_interval = "5s"\nlease_seconds = 2'


@pytest.fixture
def library(find_program: Callable[..., str]) -> str:
    """The library that moves the clock of one process."""
    program = find_program("faketime", fix="on Debian: apt install faketime")
    ran = subprocess.run([program, "-f", "+0s", "env"], capture_output=True, text=True, check=True)
    (preload,) = [line for line in ran.stdout.splitlines() if line.startswith("LD_PRELOAD=")]
    return preload.partition("=")[2]


@pytest.mark.parametrize("seconds", [61, 600])
async def test_wrong_clocks_lose_and_repeat_nothing(
    seconds: int, library: str, server_directory: Path, database_url: str, redis_url: str
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=SETTINGS
    ) as ours:
        async with site(ours) as here:
            for kind in ("web", "worker", "poller"):
                for offset in (-seconds, seconds):
                    env = {"LD_PRELOAD": library, "FAKETIME": f"{offset:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
                    here.start(kind, env=env)
            await here.all_ready()
            async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
                await outcomes.settled(NAMES)
                moves = Moves(sender, NAMES)
                await moves.make(MOVES, seconds=MOVES / PER_SECOND)
                await here.until(
                    lambda: not missing(ours, moves.finals), lambda: missing(ours, moves.finals), within=WITHIN
                )
                await outcomes.settled(NAMES)
            await here.all_ready(within=WITHIN * here.pace.stretch)
        assert set(sender.answers) == {TAKEN}
        assert faults(ours, moves.finals) == []
        wrong = [round(_clock(each) - time.time(), -1) for each in ours.processes]
        assert sorted(set(wrong)) == [-round(seconds, -1), round(seconds, -1)]


def _clock(process: Process) -> float:
    """The Unix time of the process's last log line."""
    line = process.log.read_text().splitlines()[-1]
    return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
