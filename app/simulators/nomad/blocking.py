"""Answers: when does a blocking query end? (docs/nomad.md, section 12)

Once the index has passed the one sent, or the wait is over. A wait on some rows of a table is not ended by the others,
although the index it is told is that of the table.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from app.simulators.nomad.call import NomadAnswer
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.simulator import Simulator

JITTER = 1 / 16
SHORTEST_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class _Told:
    """What an endpoint said; a 404 with an index is waited on like a reply."""

    said: NomadAnswer | Refused

    @property
    def mark(self) -> object:
        return self.said.mark if isinstance(self.said, NomadAnswer) else None

    def passed(self, index: int, first: _Told | None) -> bool:
        if self.said.index is None:
            return True
        own = first is None or self.mark is None or self.mark != first.mark
        return self.said.index > index and own

    def give(self) -> NomadAnswer:
        if isinstance(self.said, Refused):
            raise self.said
        return self.said


async def answer_in_time(
    nomad: Simulator, ask: Callable[[], NomadAnswer], *, table: str, index: int, wait: float
) -> NomadAnswer:
    """Ask until what is told has passed `index`, for `wait` seconds and a little more (Nomad's jitter).

    `ask` reads `table`; Refused is raised as it raises it.
    """
    until = asyncio.get_running_loop().time() + wait * (1 + random.random() * JITTER)
    first: _Told | None = None
    while True:
        with nomad.world.watching(table) as changed:
            told = _tell(ask)
            if told.passed(index, first):
                return told.give()
            if not await _changes(nomad, changed, until):
                nomad.world.waited_out += 1
                return told.give()
        first = first or told


def _tell(ask: Callable[[], NomadAnswer]) -> _Told:
    try:
        return _Told(ask())
    except Refused as refused:
        return _Told(refused)


async def _changes(nomad: Simulator, changed: asyncio.Event, until: float) -> bool:
    """Whether the table was touched in time; meanwhile what time brings is let happen."""
    loop = asyncio.get_running_loop()
    while not changed.is_set():
        left = until - loop.time()
        if left <= 0:
            return False
        due = nomad.world.timeline.next_due
        if due is not None:
            left = min(left, max(due - nomad.world.now, SHORTEST_SECONDS))
        try:
            async with asyncio.timeout(left):
                await changed.wait()
        except TimeoutError:
            with nomad.at_work():
                pass
    return True
