"""Combines concurrent calls into batches: while one batch runs, the next is collected. Adds no delay, knows no SQL.

An error of one item does not affect the others: a failed batch is tried item by item, while later batches go on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from app.errors import StoreUnavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Calls `work` with the items that were put since its last call. One call at a time; a single caller does not wait.

    `work` returns one answer for each item, in their order, and does all or nothing. When it raises, each item is tried
    alone, all at once, so that a bad item neither fails nor delays the others. StoreUnavailable goes to every caller.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], *, largest: int = 256) -> None:
        self._work = work
        self._largest = largest
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._singles: set[asyncio.Task[None]] = set()

    async def put(self, item: Item) -> Answer:
        """The answer for `item`, or the error of `work`. A caller that is cancelled before its batch runs withdraws its
        item."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while batch := self._next():
                await self._answer(batch)
        finally:
            self._running = None

    def _next(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._largest:
            item, answer = self._waiting.popleft()
            if not answer.done():
                batch.append((item, answer))
        return batch

    async def _answer(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([item for item, _ in batch])
        except Exception as error:
            if len(batch) == 1 or isinstance(error, StoreUnavailable):
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(error)
                return
            for single in batch:
                task = asyncio.create_task(self._answer([single]))
                self._singles.add(task)
                task.add_done_callback(self._singles.discard)
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
