"""`registrywatcher poller`: makes targets due when their poll time comes, and sweeps. Runs in any number of copies."""

import asyncio
import signal

import structlog

from app.bootstrap import open_app
from app.services.presence import ProcessKind
from app.services.schedule import forget_forever, poll_forever, sweep_forever
from app.settings import Settings

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM."""
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_app(settings, kind=ProcessKind.POLLER) as app:
        services = app.services
        log.info("poller.started", interval=settings.poll_interval)
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(
                    poll_forever(services.schedule, services.doorbell, interval=lambda: app.settings.poll_interval)
                ),
                group.create_task(sweep_forever(services.schedule, services.doorbell)),
                group.create_task(forget_forever(services.retention, days=lambda: app.settings.retention_days)),
            ]
            await stopped.wait()
            for loop in loops:
                loop.cancel()
    log.info("poller.stopped")
