"""When a blocking query ends. (docs/nomad.md, section 12)

It ends when the index is larger than the one sent, or after the wait time. A query for some rows of a table does not
end when other rows change, although its answer has the index of the table. When the state is restored from a snapshot,
it ends at once with the answer that it would have given before.
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
class _Reply:
    """The reply of an endpoint. A 404 with an index can be waited on like an answer."""

    content: NomadAnswer | Refused

    @property
    def version(self) -> object:
        return self.content.version if isinstance(self.content, NomadAnswer) else None

    def passed(self, index: int, first: _Reply | None) -> bool:
        if self.content.index is None:
            return True
        own = first is None or self.version is None or self.version != first.version
        return self.content.index > index and own

    def result(self) -> NomadAnswer:
        if isinstance(self.content, Refused):
            raise self.content
        return self.content


async def answer_blocking_query(
    nomad: Simulator, read: Callable[[], NomadAnswer], *, table: str, index: int, wait: float
) -> NomadAnswer:
    """Call `read` until its index is larger than `index`, for `wait` seconds and a little more (Nomad's jitter).

    `read` reads `table`. Raises the Refused that `read` raises.
    """
    until = asyncio.get_running_loop().time() + wait * (1 + random.random() * JITTER)
    first: _Reply | None = None
    restores = nomad.world.restores
    while True:
        with nomad.world.watching(table) as changed:
            if first is not None and nomad.world.restores != restores:
                return first.result()
            reply = _reply(read)
            if reply.passed(index, first):
                return reply.result()
            if not await changes_before(nomad, changed, until):
                nomad.world.waited_out += 1
                return reply.result()
        first = first or reply


def _reply(read: Callable[[], NomadAnswer]) -> _Reply:
    try:
        return _Reply(read())
    except Refused as refused:
        return _Reply(refused)


async def changes_before(nomad: Simulator, changed: asyncio.Event, until: float) -> bool:
    """Whether the table changed before `until`. Due events of the timeline happen meanwhile."""
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
