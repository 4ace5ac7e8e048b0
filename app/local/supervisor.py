"""Run several services together on one machine: start them in order, keep them running, stop them in reverse.

    await supervise(services, show=prefixed(names, sys.stdout), then=narrate)

Leaves no process behind, also when it is itself killed with SIGKILL: see guard.py. Must not know what the services are.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Self

from app.local.child import Backoff, Child, Service
from app.local.output import Show

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """The services of one `async with`: all ready inside it, all gone after it.

    Entering raises ServerFailed, with the service's last lines, when one does not become ready; then those before it
    are stopped. A service that ends later is started again, ever more slowly.
    """

    def __init__(self, services: Sequence[Service], *, show: Show, backoff: Backoff | None = None) -> None:
        self._children = [Child(service, show, backoff or Backoff()) for service in services]
        self._started: list[Child] = []

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each started service, by its name."""
        return {child.service.name: child.pid for child in self._started}

    def kill(self) -> None:
        """Do not wait for anybody's grace time."""
        for child in self._started:
            child.kill()

    async def __aenter__(self) -> Self:
        try:
            for child in self._children:
                self._started.append(child)
                await child.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        for child in reversed(self._started):
            await child.stop()
        self._started.clear()


async def supervise(
    services: Sequence[Service],
    *,
    show: Show,
    then: Callable[[], Awaitable[None]] | None = None,
    backoff: Backoff | None = None,
) -> None:
    """Run the services until SIGINT, SIGTERM or SIGHUP; once all are ready await `then`, and keep running after it.

    Returns after an orderly end. A second signal kills at once. Raises ServerFailed when a service does not become
    ready, and what `then` raises; the services have gone by then too.
    """
    supervisor = Supervisor(services, show=show, backoff=backoff)
    with _signals(supervisor.kill) as told:
        running = asyncio.create_task(_run(supervisor, then))
        audit = asyncio.create_task(told.wait())
        await asyncio.wait((running, audit), return_when=asyncio.FIRST_COMPLETED)
        audit.cancel()
        running.cancel()  # nothing happens when it ended by itself
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _run(supervisor: Supervisor, then: Callable[[], Awaitable[None]] | None) -> None:
    async with supervisor:
        if then is not None:
            await then()
        await asyncio.Event().wait()


@contextlib.contextmanager
def _signals(again: Callable[[], None]) -> Iterator[asyncio.Event]:
    """An event set by the first signal to stop; each further one calls again."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        if told.is_set():
            again()
        told.set()

    for number in STOPPING:
        loop.add_signal_handler(number, tell)
    try:
        yield told
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
