"""A doorbell that runs the rung step itself, on the test's own event loop: the line without Redis and workers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

Step = Callable[[str], Awaitable[object]]


class InProcessWaker:
    """`Doorbell` that starts a task for each ring."""

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
        """Cancel what is still to run; what rings from now on, as a cancelled step may, starts nothing."""
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
