"""Long series of tag moves, each told by webhook: new releases, a release pushed again, and one put back as it was."""

import asyncio
from collections.abc import Sequence

from tests.faults.delivery_sender import DeliverySender
from tests.faults.oracle import Shown


class Moves:
    """Moves tags of many repositories; `finals` is where each ends, to be seen in the ledger sooner or later.

    `number` is where the series begins: a test that goes on with another's repositories begins where that one ended.
    """

    def __init__(self, sender: DeliverySender, names: Sequence[str], *, number: int = 0) -> None:
        self._sender, self._names = sender, names
        self.number = number
        self.finals: dict[str, Shown] = {}

    async def make(self, count: int, *, seconds: float) -> None:
        """So many moves, one repository after the other, spread over so many seconds; each is told and acknowledged."""
        for position in range(count):
            await self._move(self._names[position % len(self._names)], self.number + position // len(self._names))
            await asyncio.sleep(seconds / count)
        self.number += -(-count // len(self._names))

    async def _move(self, name: str, number: int) -> None:
        """In turn: a new release; the same with other contents; the same with its first contents again."""
        tag = f"v1.{number // 3 + 1}.0"
        content = f"{name} {tag} {number % 3 % 2}"
        self.finals[name] = Shown(tag=tag, digest=await self._sender.push(name, tag, content))
