"""A Waker that runs the woken step on the test's event loop: the line without Redis and workers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

Step = Callable[[str], Awaitable[object]]


class InProcessWaker:
    """A `Waker` that starts a task for each wake."""

    def __init__(self) -> None:
        self.steps: Mapping[str, Step] = {}
        self.problem = ""
        self.wakes: list[tuple[str, str]] = []
        self._running: set[asyncio.Task[None]] = set()

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        self.wakes.append((actor, key))
        step = self.steps.get(actor)
        if step is None:
            return
        task = asyncio.create_task(self._run(step, key, delay))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Cancel the remaining tasks. Later wakes, for example by a cancelled step, start nothing."""
        self.steps = {}
        for task in list(self._running):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @staticmethod
    async def _run(step: Step, key: str, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        await step(key)
