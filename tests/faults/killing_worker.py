"""Workers that kill or freeze themselves at a named step: `python -m tests.faults.killing_worker CONFIG FLAGS N`.

N workers of one thread each are kept alive. They are forked from this process, which has imported everything.

A step is `before:targets.settle@JOB`, `after:deployer.submit@JOB`, or `inside:targets.submitted@JOB`; the last
one is before the commit of its transaction. When FLAGS/armed has a file of that name, the worker that reaches the step
gets SIGKILL if the file is empty, else SIGSTOP for as many seconds as the file says. The file is moved to FLAGS/killed,
with the time, so exactly one worker is hit. FLAGS/thawed gets a file of that name once the frozen worker continues.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from dramatiq.broker import Broker

from app.adapters.broker import open_broker
from app.adapters.nomad import RenewableDeployer
from app.adapters.postgres.database.pool import Connection, Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.views.feed import PostgresFeed
from app.adapters.registry import RegistryClient
from app.adapters.waker import DramatiqWaker
from app.bootstrap import App, KeptOpen, build_services, endpoints, nomad_connection
from app.bootstrap.outages import Outages
from app.domain.reference import Repository
from app.domain.watch import JobPlace
from app.logging import configure_logging
from app.outbound.client import open_client
from app.outbound.trust import shared_trust
from app.services.rollout.wait_for_change import ChangeWaiter
from app.settings import Settings, load_settings
from workers.worker import run_worker

_INSIDE: ContextVar[Callable[[], None]] = ContextVar("inside", default=lambda: None)


class Deadly:
    """A port that works as the real one, but at an armed call its process is killed or frozen."""

    def __init__(self, name: str, port: Any, flags: Path) -> None:
        self._name, self._port, self._flags = name, port, flags

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)

        async def call(*values: Any, **named: Any) -> Any:
            self._meet(f"before:{self._name}.{method}", values)
            token = _INSIDE.set(lambda: self._meet(f"inside:{self._name}.{method}", values))
            try:
                result = await real(*values, **named)
            finally:
                _INSIDE.reset(token)
            self._meet(f"after:{self._name}.{method}", (*values, result))
            return result

        return call

    def _meet(self, step: str, values: tuple[Any, ...]) -> None:
        for job in filter(None, map(_job, values)):
            flag = f"{step}@{job}"
            try:
                (self._flags / "armed" / flag).rename(self._flags / "killed" / flag)
            except FileNotFoundError:
                continue
            seconds = (self._flags / "killed" / flag).read_text()
            (self._flags / "killed" / flag).write_text(repr(time.time()))
            if not seconds:
                os.kill(os.getpid(), signal.SIGKILL)
            (self._flags / "frozen" / str(os.getpid())).write_text(f"{seconds} {flag}")
            os.kill(os.getpid(), signal.SIGSTOP)


class Transactions(Database):
    """A Database whose transactions check for an armed step just before they commit."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as connection:
            yield connection
            _INSIDE.get()()


def _job(value: Any) -> str:
    """The job in a call's argument or result; every repository has the name of its job."""
    if isinstance(value, JobPlace):
        return value.job_id
    if isinstance(value, Repository):
        return value.path.rpartition("/")[2]
    place = getattr(value, "place", None)
    return place.job_id if isinstance(place, JobPlace) else ""


@asynccontextmanager
async def opener(settings: Settings, *, broker: Broker, flags: Path) -> AsyncIterator[App]:
    """The services of a worker that has been running for long: unlike at a start, it does not make every target due."""
    limits = SessionLimits.of_lease(settings.lease_seconds)
    database, waker = Transactions(settings.database_url.reveal(), limits=limits), DramatiqWaker(broker)
    nomad = RenewableDeployer(nomad_connection(settings.nomad))
    kept = KeptOpen(
        database=database,
        door=database,
        registries=RegistryClient(endpoints(settings.registries)),
        deployer=nomad,
        waker=waker,
        waiter=ChangeWaiter(PostgresRollouts(database), nomad, waker),
        feed=PostgresFeed(database),
        http=open_client(),
    )
    keeping = asyncio.create_task(kept.waiter.run())
    services = build_services(settings, kept)
    reconciler, follower = services.reconciler, services.follower
    deployer = Deadly("deployer", reconciler.deployer, flags)
    yield App(
        services=replace(
            services,
            reconciler=replace(
                reconciler,
                targets=Deadly("targets", reconciler.targets, flags),
                registries=Deadly("registries", reconciler.registries, flags),
                deployer=deployer,
            ),
            follower=replace(follower, rollouts=Deadly("rollouts", follower.rollouts, flags), deployer=deployer),
        ),
        outages=Outages(settings, broker=broker, waker=waker, returned=_nothing),
        starting="",
    )
    keeping.cancel()
    kept.waker.close()  # the rest ends with the process


async def _nothing() -> None:
    """The tests of this worker stop no Postgres."""


def main(config: Path, flags: Path, count: int) -> None:
    """Keep `count` workers alive until SIGTERM."""
    settings = load_settings(config, os.environ)
    configure_logging(os.environ, sys.stdout)
    shared_trust(None)  # so that no child loads it
    children: set[int] = set()

    def stop(number: int, frame: FrameType | None) -> None:
        for child in children:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    thaw_at: dict[int, float] = {}
    while True:
        while len(children) < count:
            children.add(_fork(settings, flags))
        child, status = os.waitpid(-1, os.WUNTRACED | os.WNOHANG)
        if child and os.WIFSTOPPED(status):
            seconds = (flags / "frozen" / str(child)).read_text().partition(" ")[0]
            thaw_at[child] = time.monotonic() + float(seconds)
        elif child:
            children.discard(child)
        for frozen in [each for each, at in thaw_at.items() if at <= time.monotonic()]:
            del thaw_at[frozen]
            flag = (flags / "frozen" / str(frozen)).read_text().partition(" ")[2]
            os.kill(frozen, signal.SIGCONT)
            (flags / "thawed" / flag).touch()
        time.sleep(0 if child else 0.01)


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
