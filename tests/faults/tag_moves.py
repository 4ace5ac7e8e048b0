"""Long series of tag moves, each sent by webhook: new releases, a release pushed again, and one set back."""

import asyncio
from collections.abc import Sequence

from tests.faults.delivery_sender import DeliverySender
from tests.faults.oracle import Shown


class Moves:
    """Moves tags of many repositories; `finals` is the end state of each, which the ledger must show.

    `number` is the start of the series: a test that continues with another test's repositories starts where that one
    ended.
    """

    def __init__(self, sender: DeliverySender, names: Sequence[str], *, number: int = 0) -> None:
        self._sender, self._names = sender, names
        self.number = number
        self.finals: dict[str, Shown] = {}

    async def make(self, count: int, *, seconds: float) -> None:
        """Make that many moves over that many seconds, in each repository in turn; each one is delivered and
        acknowledged."""
        for position in range(count):
            await self._move(self._names[position % len(self._names)], self.number + position // len(self._names))
            await asyncio.sleep(seconds / count)
        self.number += -(-count // len(self._names))

    async def _move(self, name: str, number: int) -> None:
        """By turns: a new release; the same tag with new content; the same tag with its first content again."""
        tag = f"v1.{number // 3 + 1}.0"
        content = f"{name} {tag} {number % 3 % 2}"
        self.finals[name] = Shown(tag=tag, digest=await self._sender.push(name, tag, content))
