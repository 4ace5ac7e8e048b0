"""`registrywatcher poller`: makes targets due at their poll time and when their jobs change, and sweeps.

Any number of copies may run.
"""

import asyncio
import signal
import socket
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from app.bootstrap import App, open_app
from app.health_listener import answering, open_listener
from app.services.processes.loops import Loop
from app.services.processes.presence import ProcessKind
from app.services.wakeup.follow_jobs import JobFollower, following
from app.services.wakeup.schedule import forget_forever, forgetting, poll_forever, sweep_forever
from app.settings import Settings

log = structlog.get_logger()


def main(settings: Settings, *, health_address: tuple[str, int] | None = None) -> None:
    """Run until SIGINT or SIGTERM; answer health requests at that address, if there is one."""
    asyncio.run(_run(settings, open_listener(health_address)))


async def _run(settings: Settings, listener: Sequence[socket.socket]) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_app(settings, kind=ProcessKind.POLLER) as app, answering(app, listener):
        log.info("poller.started", interval=settings.poll_interval)
        running = [asyncio.create_task(each) for each in _loops(app)]
        await stopped.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    log.info("poller.stopped")


def _loops(app: App) -> Sequence[Coroutine[Any, Any, None]]:
    """The loops, each of which runs until it is cancelled."""
    schedule, waker, add = app.services.schedule, app.services.waker, app.loops.add
    follower = JobFollower(app.services.namespaces, app.services.job_changes, waker)
    return (
        follower.run(loop=add(following())),
        poll_forever(schedule, waker, interval=lambda: app.settings.poll_interval, loop=add(Loop("poll"))),
        sweep_forever(schedule, waker, loop=add(Loop("sweep"))),
        forget_forever(app.services.retention, days=lambda: app.settings.retention_days, loop=add(forgetting())),
    )
