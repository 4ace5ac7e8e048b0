"""Keeps a simulator over restarts: one file with its state, as state_json.py writes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.state_json import dump, fill

WRITE_EVERY_SECONDS = 0.25


def save(simulator: Simulator, file: Path) -> int:
    """Write the whole state atomically. Returns its index."""
    with simulator.at_work() as world:
        index, written = world.index, dump(world)
    beside = file.with_name(file.name + ".new")
    beside.write_bytes(written)
    beside.replace(file)
    return index


def load(simulator: Simulator, file: Path) -> None:
    """Load the state from `file`, if it exists. Raises ValueError for a file that is not JSON."""
    if not file.exists():
        return
    content = orjson.loads(file.read_bytes())
    with simulator.at_work() as world:
        fill(world, content)


@asynccontextmanager
async def keeping(simulator: Simulator, file: Path) -> AsyncIterator[None]:
    """Write the file soon after each change, and at the end. A killed process loses at most the last quarter second."""
    writer = asyncio.create_task(_write_changes(simulator, file))
    try:
        yield
    finally:
        writer.cancel()
        save(simulator, file)


async def _write_changes(simulator: Simulator, file: Path) -> None:
    written = -1
    while True:
        if simulator.world.index != written:
            written = save(simulator, file)
        await asyncio.sleep(WRITE_EVERY_SECONDS)
