"""Run several services together on one machine: start them in order, keep them running, stop them in reverse.

    await supervise(services, show=prefixed(names, sys.stdout), then=narrate)

Leaves no process behind, even if it is killed with SIGKILL: see app/local/guard.py. Must not know the services.
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
    """The services of one `async with`: all ready inside it, all ended after it.

    Entering raises ServerFailed, with the service's last lines, when one does not become ready, and stops those before
    it. A service that ends later is restarted, after ever longer pauses.
    """

    def __init__(self, services: Sequence[Service], *, show: Show, backoff: Backoff | None = None) -> None:
        self._children = [Child(service, show, backoff or Backoff()) for service in services]
        self._started: list[Child] = []

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each started service, by its name."""
        return {child.service.name: child.pid for child in self._started}

    def kill(self) -> None:
        """End all services now, without their grace time."""
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
    """Run the services until SIGINT, SIGTERM or SIGHUP. When all are ready, await `then`, and keep running after it.

    Returns after an orderly end. A second signal kills at once. Raises ServerFailed when a service does not become
    ready, and the errors of `then`, in both cases after the end of all services.
    """
    supervisor = Supervisor(services, show=show, backoff=backoff)
    with _signals(supervisor.kill) as stopping:
        running = asyncio.create_task(_run(supervisor, then))
        signalled = asyncio.create_task(stopping.wait())
        await asyncio.wait((running, signalled), return_when=asyncio.FIRST_COMPLETED)
        signalled.cancel()
        running.cancel()  # does nothing if it ended by itself
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _run(supervisor: Supervisor, then: Callable[[], Awaitable[None]] | None) -> None:
    async with supervisor:
        if then is not None:
            await then()
        await asyncio.Event().wait()


@contextlib.contextmanager
def _signals(again: Callable[[], None]) -> Iterator[asyncio.Event]:
    """An event that the first signal to stop sets; each further one calls `again`."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            again()
        stopping.set()

    for number in STOPPING:
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
