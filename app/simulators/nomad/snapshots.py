"""`nomad operator snapshot`: saves the whole state of a simulator, and restores it while clients are connected."""

from __future__ import annotations

import orjson

from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.state_json import dump, fill


def save_snapshot(nomad: Simulator) -> bytes:
    """The whole state, as `restore_snapshot` takes it."""
    with nomad.at_work() as world:
        return dump(world)


def restore_snapshot(nomad: Simulator, snapshot: bytes, *, new_servers: bool = False) -> None:
    """Replace the state. Faults, tokens, timing, verdicts and the ledger stay; open streams and blocking queries end.

    The indexes of all tables go back. Servers that ran on count their next change from where they were; `new_servers`,
    which never saw it, count from the snapshot's index. Allocations run on as the snapshot says.
    """
    with nomad.at_work() as world:
        reached = world.index
        world.abandon()
        fill(world, orjson.loads(snapshot))
        if not new_servers:
            world.index = max(reached, world.index) + 1
