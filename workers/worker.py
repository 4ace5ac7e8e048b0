"""`registrywatcher worker`: runs the actors and a sweeper. Any number of copies may run."""

import asyncio
import signal
import socket
import threading
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any, Protocol

import structlog
from dramatiq import Worker
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from app.adapters.broker import open_broker, quieten_consumers
from app.adapters.waker import QUEUE
from app.bootstrap import App, Services, open_app
from app.health_listener import answering, open_listener
from app.services.processes.loops import Loop
from app.services.processes.presence import ProcessKind
from app.services.processes.steps import Steps
from app.services.wakeup.schedule import sweep_forever
from app.settings import Settings
from workers.actors import declare_actors

log = structlog.get_logger()

# How long an idle worker waits in Redis before it asks again, in milliseconds: a message ends the wait. It is less than
# the time-out of the broker's connections, and than the time in which a worker has to stop.
_IDLE_WAIT = 1_000
_STOP_WITHIN = 5_000  # milliseconds; a cancelled step is tried again once its lease has expired


class Opener(Protocol):
    """Opens the services of a process, as `app.bootstrap.open_app` does."""

    def __call__(self, settings: Settings, *, broker: Broker) -> AbstractAsyncContextManager[App]: ...


class Resources(Middleware):
    """Opens the services on the broker's event loop before the first message, and closes them after the last."""

    def __init__(
        self, settings: Settings, opener: Opener, steps: Steps, listener: Sequence[socket.socket] = ()
    ) -> None:
        self._settings = settings
        self._steps = steps
        self._listener = listener
        self._opener = opener
        self._stack = AsyncExitStack()
        self.app: App | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def reload(self) -> None:
        """Read the configuration again; for a signal handler, which runs in another thread than the services."""
        if self._loop is not None and self.app is not None and self.app.reloader is not None:
            self._loop.call_soon_threadsafe(self.app.reloader.request)

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Open; runs after the hook of the AsyncIO middleware, which started the loop."""
        _on_loop(self._open(broker))

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Close; the hooks run in reverse order, so the event loop still runs."""
        _on_loop(self._close())

    async def _open(self, broker: Broker) -> None:
        self._loop = asyncio.get_running_loop()
        self.app = await self._stack.enter_async_context(self._opener(self._settings, broker=broker))
        await self._stack.enter_async_context(answering(self.app, self._listener))
        self.app.loops.add(self._steps)
        services = self.app.services
        self._sweeper = asyncio.create_task(
            sweep_forever(services.schedule, services.waker, loop=self.app.loops.add(Loop("sweep")))
        )

    async def _close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._stack.aclose()


def main(settings: Settings, *, threads: int = 16, health_address: tuple[str, int] | None = None) -> None:
    """Run until SIGINT or SIGTERM; a message under way may finish within five seconds.

    It answers health requests at `health_address`, if there is one.
    """
    listener = open_listener(health_address)
    opener = partial(open_app, kind=ProcessKind.WORKER)
    run_worker(open_broker(settings.redis_url.reveal()), settings, threads=threads, opener=opener, listener=listener)


def run_worker(
    broker: Broker, settings: Settings, *, threads: int, opener: Opener, listener: Sequence[socket.socket] = ()
) -> None:
    """Run the actors on `broker` until a signal arrives, with the services that `opener` opens."""
    steps = Steps()
    resources = Resources(settings, opener, steps, listener)
    broker.add_middleware(resources)

    def services() -> Services:
        if resources.app is None:
            raise RuntimeError("the worker has not booted")
        return resources.app.services

    declare_actors(broker, services, steps)
    quieten_consumers(QUEUE)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it waits until a configuration can be read again
    signal.signal(signal.SIGHUP, lambda *_: resources.reload())
    worker = Worker(broker, worker_timeout=_IDLE_WAIT, worker_threads=threads)
    worker.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    log.info("worker.started", threads=threads)
    stopped.wait()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nothing is left that could read the configuration
    worker.stop(timeout=_STOP_WITHIN)
    broker.close()
    log.info("worker.stopped")


def _on_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    loop = get_event_loop_thread()
    if loop is None:
        raise RuntimeError("the AsyncIO middleware must come first")
    loop.run_coroutine(coroutine)
