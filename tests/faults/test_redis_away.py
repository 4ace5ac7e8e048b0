"""Given Redis that dies, is emptied or hangs, then pushes are acknowledged, and deployed when it is back."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from app.local.nomad.timing import Timing
from app.local.valkey import EmbeddedValkey
from tests.cluster import cluster, until
from tests.faults.deliveries import Teller, answering
from tests.faults.moves import Moves
from tests.faults.oracle import faults, missing
from tests.faults.outcomes import reading

NAMES = [f"r{number:02}" for number in range(20)]
AWAY = 6.0


def _kill(valkey: EmbeddedValkey) -> Callable[[], None]:
    valkey.kill()
    return valkey.start


def _flush(valkey: EmbeddedValkey) -> Callable[[], None]:
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return lambda: None


def _freeze(valkey: EmbeddedValkey) -> Callable[[], None]:
    valkey.signal(signal.SIGSTOP)
    return lambda: valkey.signal(signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [_kill, _flush, _freeze])
async def test_redis_away_while_pushes_come(
    fault: Callable[[EmbeddedValkey], Callable[[], None]],
    server_directory: Path,
    database_url: str,
    private_valkey: EmbeddedValkey,
) -> None:
    with cluster(
        server_directory,
        database_url=database_url,
        redis_url=private_valkey.url,
        names=NAMES,
        settings='poll_interval = "1h"',
    ) as ours:
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "worker", "worker", "poller"):
            ours.start(kind)
        await answering(ours)
        async with Teller(ours) as teller, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)
            moves = Moves(teller, NAMES)
            await moves.make(40, seconds=1)
            repair = fault(private_valkey)
            await moves.make(200, seconds=AWAY)
            repair()
            back_at = time.monotonic()
            await until(lambda: not missing(ours, moves.finals), lambda: missing(ours, moves.finals), within=60)
            took = time.monotonic() - back_at
            await outcomes.settled(NAMES)
        print(f"all deployed {took:.1f} s after; slowest acknowledgement {max(teller.seconds):.3f} s")
        assert set(teller.statuses) == {202}
        assert max(teller.seconds) < 1
        assert took < 10
        assert faults(ours, moves.finals) == []
