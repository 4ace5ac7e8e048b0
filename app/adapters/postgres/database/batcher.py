"""Gathers concurrent calls into one: while one batch is under way the next gathers. Adds no delay, knows no SQL.

One item's trouble is not another's: a batch that failed is tried item by item, while later batches go on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from app.errors import StoreUnavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Calls `work` with what was put meanwhile, one call at a time; a caller alone is served at once.

    `work` answers its items in their order, and does all or nothing. When it raises, each item is tried by itself, all
    at once, so that one bad item neither fails nor delays its neighbours; StoreUnavailable is everybody's at once.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], *, largest: int = 256) -> None:
        self._work = work
        self._largest = largest
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._singles: set[asyncio.Task[None]] = set()

    async def put(self, item: Item) -> Answer:
        """The answer for `item`, or what `work` raised for it. A caller that gives up in time takes its item back."""
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
