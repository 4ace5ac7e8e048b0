"""Workers that kill themselves with SIGKILL at a named step: `python -m tests.faults.killing_worker CONFIG FLAGS N`.

N workers of one thread each are kept alive, forked from this process, which has imported everything once. A step is
`before:looks.settle@JOB` or `after:deployer.submit@JOB`; the worker that reaches it dies when FLAGS/armed holds a file
of that name. The file is moved to FLAGS/killed, so exactly one dies; it leaves the time there.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from dramatiq.broker import Broker

from app.adapters.broker import open_broker
from app.adapters.doorbell import DramatiqDoorbell
from app.adapters.nomad import RenewableDeployer
from app.adapters.postgres.changes import PostgresFeed
from app.adapters.postgres.pool import Database
from app.adapters.postgres.rollouts import PostgresRollouts
from app.adapters.registry import RegistryClient
from app.bootstrap import App, Kept, build_services, endpoints, nomad_connection
from app.domain.reference import Repository
from app.domain.watch import JobPlace
from app.http import open_client
from app.logging import configure_logging
from app.services.vigil import Vigil
from app.settings import Settings, load_settings
from workers.worker import run_worker


class Deadly:
    """A port that works as the real one does, except that a flagged call is the last thing its process does."""

    def __init__(self, name: str, port: Any, flags: Path) -> None:
        self._name, self._port, self._flags = name, port, flags

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)

        async def call(*values: Any, **named: Any) -> Any:
            self._die(f"before:{self._name}.{method}", values)
            result = await real(*values, **named)
            self._die(f"after:{self._name}.{method}", (*values, result))
            return result

        return call

    def _die(self, step: str, values: tuple[Any, ...]) -> None:
        for job in filter(None, map(_job, values)):
            flag = f"{step}@{job}"
            try:
                (self._flags / "armed" / flag).rename(self._flags / "killed" / flag)
            except FileNotFoundError:
                continue
            (self._flags / "killed" / flag).write_text(repr(time.time()))
            os.kill(os.getpid(), signal.SIGKILL)


def _job(value: Any) -> str:
    """The job that a call's argument or result is about; every repository has the name of its job."""
    if isinstance(value, JobPlace):
        return value.job_id
    if isinstance(value, Repository):
        return value.path.rpartition("/")[2]
    place = getattr(value, "place", None)
    return place.job_id if isinstance(place, JobPlace) else ""


@asynccontextmanager
async def opener(settings: Settings, *, broker: Broker, flags: Path) -> AsyncIterator[App]:
    """The services of a worker that has long been running: it does not make every target due, as a start would."""
    database, bell = Database(settings.database_url.reveal()), DramatiqDoorbell(broker)
    nomad = RenewableDeployer(nomad_connection(settings.nomad))
    kept = Kept(
        database=database,
        door=database,
        registries=RegistryClient(endpoints(settings.registries)),
        deployer=nomad,
        doorbell=bell,
        vigil=Vigil(PostgresRollouts(database), nomad, bell),
        feed=PostgresFeed(database),
        http=open_client(),
    )
    keeping = asyncio.create_task(kept.vigil.run())
    services = build_services(settings, kept)
    looker, observer = services.looker, services.observer
    deployer = Deadly("deployer", looker.deployer, flags)
    yield App(
        services=replace(
            services,
            looker=replace(
                looker,
                looks=Deadly("looks", looker.looks, flags),
                registries=Deadly("registries", looker.registries, flags),
                deployer=deployer,
            ),
            observer=replace(observer, rollouts=Deadly("rollouts", observer.rollouts, flags), deployer=deployer),
        ),
        starting="",
    )
    keeping.cancel()
    kept.doorbell.close()  # the rest ends with the process


def main(config: Path, flags: Path, count: int) -> None:
    """Keep `count` workers alive until SIGTERM."""
    settings = load_settings(config, os.environ)
    configure_logging(os.environ, sys.stdout)
    children: set[int] = set()

    def stop(number: int, frame: FrameType | None) -> None:
        for child in children:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        while len(children) < count:
            children.add(_fork(settings, flags))
        children.discard(os.wait()[0])


def _fork(settings: Settings, flags: Path) -> int:
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        run_worker(open_broker(settings.redis_url.reveal()), settings, threads=1, opener=partial(opener, flags=flags))
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
